"""Command lines and config files with a mistake, and words of the line that ends each."""

from importlib.util import find_spec

TRAIN = ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir=HOME/run"]
STUDY = ["reproduce.py", "--study=CONFIGS/studies/demo.py", "--workdir=HOME/study"]
# HOME stands for a folder without a run, CONFIGS for the configs, RUN for a trained run, PHOTO for a photograph.
LINES = {
    "no config": (["train.py", "--workdir=HOME/run"], ["--config is missing: name a file with the settings"]),
    "override alone": (["train.py", "--config.train.steps=3"], ["--config is missing"]),
    "override first": (
        ["train.py", "--config.train.steps=3", "--config=configs/demo_ja9.py", "--workdir=HOME/run"],
        ["--config.train.steps=3 stands before --config"],
    ),
    "other config": (
        ["train.py", "--config=CONFIGS/demo_ja3.py", "--workdir=HOME/run"],
        ["demo_ja3.py is no file (did you mean '", "/configs/demo_ja9.py'?)", "author_like.py, chase_baseline.py"],
    ),
    "config of no folder": (
        ["train.py", "--config=demo_ja9", "--workdir=HOME/run"],
        ["demo_ja9 is no file (did you mean '", "configs/demo_ja9.py'?)", "configs/ holds author_like.py"],
    ),
    "folder for a config": (["train.py", "--config=CONFIGS", "--workdir=x"], ["is a folder", "demo_ja9.py"]),
    "empty config": (["train.py", "--config=", "--workdir=HOME/run"], ["--config is missing"]),
    "config without a value": (
        ["train.py", "--config", "--workdir=HOME/run"],
        ["--config has no value; the word after"],
    ),
    "no workdir": (["train.py", "--config=CONFIGS/demo_ja9.py"], ["--workdir is missing: name the folder of the run"]),
    "empty workdir": (["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir="], ["--workdir is missing"]),
    "workdir without a value": (
        ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir", "--config.train.steps=3", "--config.seed=-1"],
        ["--workdir has no value; the word after it is '--config.train.steps=3'"],
    ),
    "workdir is a file": (["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir=PHOTO"], ["is a file", "a folder"]),
    "workdir in a file": (
        ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir=PHOTO/run"],
        ["photo.png", "name another place"],
    ),
    "workdir holds photographs": (
        ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir=HOME/photographs"],
        ["photographs", "choose an empty or new folder"],
    ),
    "workdir of another config": (
        ["train.py", "--config=CONFIGS/demo_ja9.py", "--workdir=RUN"],
        ["holds a run of another config", "give another --workdir"],
    ),
    "no value": ([*TRAIN, "--config.train.steps"], ["--config.train.steps has no value; write --config.train.steps="]),
    "an option beside those of the file": (
        ["train.py", "--config=CONFIGS/systems/unet.py", "--config.model.options.width=8", "--workdir=HOME/run"],
        ["model.options has no setting 'width'", "--config.model.options=\"{'valid': True, 'width': VALUE}\""],
    ),
    "ensemble of one": (
        ["ensemble.py", "RUN", "--workdir=HOME/all"],
        ["an ensemble takes two networks or more, and 1 came; name more runs"],
    ),
    "ensemble of other weights": (
        ["ensemble.py", "RUN", "--workdir=HOME/all", "--checkpoint=bets"],
        ["checkpoint is 'bets' (did you mean 'best'?); choose one of best, latest"],
    ),
    "ensemble in a run": (["ensemble.py", "RUN", "--workdir=RUN"], ["is there already; name a new folder"]),
    "unknown flag": (
        [*TRAIN, "--wrkdir=x"],
        ["no flag --wrkdir (did you mean '--workdir'?)", "the flags are --config, --workdir"],
    ),
    "flag for a setting": ([*TRAIN, "--steps=3"], ["no flag --steps (did you mean '--config.train.steps'?)"]),
    "stray word": ([*TRAIN, "runs/demo"], ["runs/demo", "--name=value"]),
    "cache is a file": ([*TRAIN, "--config.data.cache_dir=PHOTO"], ["photo.png", "--config.data.cache_dir"]),
    "no run": (["evaluate.py", "--workdir=HOME/nowhere"], ["nowhere", "--workdir"]),
    "no run there": (["evaluate.py", "--workdir=HOME/photographs"], ["photographs", "--workdir of a run"]),
    "no workdir to evaluate": (["evaluate.py"], ["--workdir is missing: name the folder of a trained run"]),
    "split": (
        ["evaluate.py", "--workdir=x", "--split=tets"],
        ["--split is 'tets' (did you mean 'test'?)", "train, val"],
    ),
    "threshold": (["evaluate.py", "--workdir=x", "--threshold=2"], ["--threshold is '2'; want a number, 0 to 1"]),
    "threshold nan": (["evaluate.py", "--workdir=x", "--threshold=nan"], ["--threshold is 'nan'; want a number"]),
    "threshold text": (["evaluate.py", "--workdir=x", "--threshold=high"], ["--threshold is 'high'; want a number"]),
    "thresholds": (
        ["predict.py", "--workdir=x", "--images=x", "--output=y", "--threshold=0.4,a"],
        ["--threshold is '0.4,a'; want a number, 0 to 1, or one for each class with commas between them"],
    ),
    "thresholds of one class": (
        ["predict.py", "--workdir=RUN", "--images=PHOTO", "--output=HOME/out", "--threshold=0.4,0.5"],
        ["threshold", "(0.4, 0.5)", "one"],
    ),
    "tile": (["evaluate.py", "--workdir=x", "--tile=16"], ["--tile is '16'; want a whole number, 32 or more"]),
    "tile text": (["evaluate.py", "--workdir=x", "--tile=big"], ["--tile is 'big'; want a whole number, 32 or more"]),
    "flips": (["evaluate.py", "--workdir=x", "--flips=maybe"], ["--flips is 'maybe'; want true or false"]),
    "reconnect": (["evaluate.py", "--workdir=x", "--reconnect=-1"], ["--reconnect is '-1'; want a number, 0"]),
    "metrics": (
        ["evaluate.py", "--workdir=RUN", "--metrics=dice,hd59"],
        ["--metrics is 'hd59' (did you mean 'hd95'?)", "surface_dice"],
    ),
    "audit of no images": (["audit.py", "--dice=0.85"], ["--dataset is missing: name the images, one of drive, isic"]),
    "audit of other images": (
        ["audit.py", "--dataset=isic2018", "--dice=0.85"],
        ["--dataset is 'isic2018' (did you mean 'isic2017'?)", "drive"],
    ),
    "audit of one score": (
        ["audit.py", "--dataset=isic2017", "--dice=0.8500"],
        ["dice on isic2017 can come from any protocol; give all of dice, precision, recall"],
    ),
    "audit of percent": (
        ["audit.py", "--dataset=isic2017", "--recall=83.58"],
        ["--recall is '83.58'; want a number from 0 to 1 with the digits that the table prints, such as 0.9690"],
    ),
    "audit of a score twice": (
        ["audit.py", "--dataset=isic2017", "--recall=0.8358", "--sensitivity=0.8358"],
        ["--recall and --sensitivity are the same score; give one of them"],
    ),
    "audit of fewer digits": (
        ["audit.py", "--dataset=isic2017", "--recall=0.8358", "--decimals=3"],
        ["--recall is '0.8358'; want 3 digits, as --decimals says"],
    ),
    "audit without digits": (["audit.py", "--decimals=1"], ["--decimals is '1'; want a whole number, 2 or more"]),
    "curves": (["evaluate.py", "--workdir=x", "--curves=2"], ["--curves is '2'; want true or false"]),
    "masks": (["evaluate.py", "--workdir=x", "--masks=2"], ["--masks is '2'; want true or false"]),
    "checkpoint": (["evaluate.py", "--workdir=x", "--checkpoint=last"], ["--checkpoint is 'last'", "latest"]),
    "scored at": (["evaluate.py", "--workdir=x", "--scored_at=full"], ["--scored_at is 'full'", "prepared"]),
    "negated": (["evaluate.py", "--workdir=x", "--noflip"], ["no flag --noflip (did you mean '--noflips'?)"]),
    "config to evaluate": (["evaluate.py", "--workdir=x", "--config.seed=3"], ["no flag --config.seed", "--split"]),
    "images of a run that makes its own": (
        ["evaluate.py", "--workdir=RUN", "--data_dir=HOME/photographs"],
        ["--data_dir", "generated, not read"],
    ),
    "doctor without a folder": (["doctor.py"], ["--data_dir is missing", "or a --config"]),
    "doctor of a wrong config": (
        ["doctor.py", "--config=CONFIGS/demo_ja9.py", "--config.seed=-1", "--output=HOME/out"],
        ["seed is -1", "0 to"],
    ),
    "doctor to a file": (
        ["doctor.py", "--config=CONFIGS/demo_ja9.py", "--config.data.synthetic.train=1", "--output=PHOTO/x"],
        ["Not a directory", "name another place"],
    ),
    "no study": (["reproduce.py", "--workdir=HOME/study"], ["--study is missing: name a file with a study"]),
    "other study": (
        ["reproduce.py", "--study=CONFIGS/studies/dem.py", "--workdir=HOME/study"],
        ["dem.py is no file (did you mean '", "studies/demo.py'?)", "studies/ holds chase.py, demo.py"],
    ),
    "a config for a study": (
        ["reproduce.py", "--study=CONFIGS/demo_ja9.py", "--workdir=HOME/study"],
        ["the study has no title, config, models", "return jaxseg.study.study(...)"],
    ),
    "a study for a config": (
        ["train.py", "--config=CONFIGS/studies/demo.py", "--workdir=HOME/study"],
        ["data is missing; begin with jaxseg.config.defaults()"],
    ),
    "a scale that is none": (
        ["reproduce.py", "--study=CONFIGS/studies/isic_table1.py:small", "--workdir=HOME/study"],
        ["the scale is 'small'; choose one of paper, reduced"],
    ),
    "study setting": (
        [*STUDY, "--study.config.model.atention=ja9"],
        ["--study.config.model.atention: study.config.model has no setting 'atention' (did you mean 'attention'?)"],
    ),
    "study run": ([*STUDY, "--only=DenseUNet-JB/0"], ["has no run 'DenseUNet-JB/0'", "write MODEL or MODEL/SEED"]),
    "study shard": ([*STUDY, "--shard=2/2"], ["--shard is '2/2'", "such as 0/4"]),
    "study seeds": ([*STUDY, "--study.seeds=(1, 1)"], ["study.seeds is (1, 1)", "different whole numbers"]),
    "study to no cluster": (
        [*STUDY, "--submit=9"],
        ["submitit is not installed; pip install -e '.[cluster]'"] if find_spec("submitit") is None else ["1 to 8"],
    ),
    "study to a cluster by shards": ([*STUDY, "--submit=2", "--shard=0/4"], ["--submit makes the shards itself"]),
    "study to a cluster by half": ([*STUDY, "--submit=2", "--submit_option=gpu"], ["write --submit_option=NAME=VALUE"]),
    "too many at a time": ([*STUDY, "--parallel=4000"], ["--parallel is 4000, and there are"]),
    "study in a file": ([*STUDY[:-1], "--workdir=PHOTO"], ["photo.png is a file", "name a folder"]),
    "study among photographs": ([*STUDY[:-1], "--workdir=HOME/photographs"], ["holds files but no study"]),
    "study of a wrong run": (
        [*STUDY, "--study.config.train.batch_size=0"],
        ["DenseUNet/0: train.batch_size is 0"],
    ),
    "compare nothing": (["compare.py"], ["two runs or more, and 0 came", "name their folders"]),
    "compare one run": (["compare.py", "RUN", "--split=val"], ["two runs or more, and 1 came"]),
    "compare no runs": (["compare.py", "HOME", "PHOTO"], ["holds no trained run", "give the --workdir"]),
    "compare what is not scored": (
        ["compare.py", "RUN", "RUN"],
        ["eval/test.json: no such file", "launch/evaluate.py"],
    ),
    "predict": (
        ["predict.py", "--workdir=HOME", "--images=HOME", "--output=HOME/out"],
        ["no trained run", "--workdir"],
    ),
    "several missing": (
        ["predict.py", "--workdir=x"],
        ["--images is missing: name a", "; --output is missing: name the"],
    ),
    "no images": (
        ["predict.py", "--workdir=RUN", "--images=HOME/nowhere", "--output=HOME/out"],
        ["nowhere", "give a folder of images, or one image"],
    ),
    "no image in a folder": (
        ["predict.py", "--workdir=RUN", "--images=CONFIGS", "--output=HOME/out"],
        ["configs holds no images", ".png"],
    ),
    "one name for two": (
        ["predict.py", "--workdir=RUN", "--images=HOME/twins", "--output=HOME/out"],
        ["twins/a.bmp and a.png would both become a.png", "rename"],
    ),
    "output is a file": (
        ["predict.py", "--workdir=RUN", "--images=PHOTO", "--output=PHOTO"],
        ["photo.png", "name another place"],
    ),
    "output is there": (
        ["predict.py", "--workdir=RUN", "--images=PHOTO", "--output=HOME/full"],
        ["full/masks/photo.png is there already", "another output folder"],
    ),
    "output is a link to nothing": (
        ["predict.py", "--workdir=RUN", "--images=PHOTO", "--output=HOME/linked"],
        ["linked/masks/photo.png is there already", "another output folder"],
    ),
    "inspect": (
        ["inspect_attention.py", "--workdir=HOME/nowhere", "--image=x.png", "--pixel=1,2"],
        ["nowhere", "--workdir"],
    ),
    "inspect nothing": (
        ["inspect_attention.py", "--workdir=RUN", "--image=HOME/none.png", "--pixel=1,2"],
        ["none.png: no such file"],
    ),
    "inspect no picture": (
        ["inspect_attention.py", "--workdir=RUN", "--image=CONFIGS/demo_ja9.py", "--pixel=1,2"],
        ["demo_ja9.py", "save it again as PNG"],
    ),
    "inspect an unknown id": (
        ["inspect_attention.py", "--workdir=RUN", "--image=test:fundus_0_200000", "--pixel=1,2"],
        ["test has no image 'fundus_0_200000' (did you mean 'fundus_0_2000001'?)", "it has 2: fundus_0_2000000, "],
    ),
    "inspect a split": (
        ["inspect_attention.py", "--workdir=RUN", "--image=test:", "--pixel=1,2"],
        ["test has no image ''; it has 2: fundus_0_2000000, fundus_0_2000001"],
    ),
    "inspect off an image of the run": (
        ["inspect_attention.py", "--workdir=RUN", "--image=train:fundus_0_0000003", "--pixel=1,900"],
        ["pixel (1, 900) is off the image of 40 rows and 40 columns"],
    ),
    "pixel": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1;2"],
        ["--pixel is '1;2'; want its row and column, as in --pixel=120,64"],
    ),
    "three of a pixel": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1,2,3"],
        ["--pixel is '1,2,3'; want its row and column"],
    ),
    "half a pixel": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1.5,2"],
        ["--pixel is '1.5,2'; want its row and column"],
    ),
    "pixel off the image": (
        ["inspect_attention.py", "--workdir=RUN", "--image=PHOTO", "--pixel=40,2"],
        ["pixel (40, 2) is off the image of 40 rows and 36 columns", "give y, x counted from 0"],
    ),
    "no pixel": (["inspect_attention.py", "--workdir=x", "--image=x.png"], ["--pixel is missing: name the row"]),
    "picture": (
        ["inspect_attention.py", "--workdir=x", "--image=x.png", "--pixel=1,2", "--output=eye.jpg"],
        ["eye.jpg", ".png"],
    ),
    "picture is there": (
        ["inspect_attention.py", "--workdir=RUN", "--image=PHOTO", "--pixel=1,2", "--output=PHOTO"],
        ["photo.png is there already", "another --output"],
    ),
    "depth": (["inspect_model.py", "--config=CONFIGS/demo_ja9.py", "--depth=0"], ["want a whole number, 1 or more"]),
    "own sizes": (
        ["inspect_model.py", "--config=CONFIGS/folder_ja9.py", "--config.data.patch_size=()"],
        ["data.patch_size is ()", "--config.data.patch_size="],
    ),
    "nowhere": (
        ["train.py", "--config=CONFIGS/folder_ja9.py", "--workdir=HOME/run", "--config.data.dir=HOME/nowhere"],
        ["nowhere", "no such folder"],
    ),
    "no drive": (
        ["train.py", "--config=CONFIGS/drive_ja9.py", "--workdir=HOME/run", "--config.data.dir=HOME/nowhere"],
        ["nowhere", "https://drive.grand-challenge.org", "training/", "data.dir"],
    ),
    "no isic": (
        ["train.py", "--config=CONFIGS/isic_ja9.py", "--workdir=HOME/run", "--config.data.dir=HOME/nowhere"],
        ["nowhere", "https://challenge.isic-archive.com", "ISIC-2017_Training_Data", "data.dir"],
    ),
    "no chase": (
        ["train.py", "--config=CONFIGS/chase_ja9.py", "--workdir=HOME/run", "--config.data.dir=HOME/nowhere"],
        ["nowhere", "https://", "Image_01L.jpg", "data.dir"],
    ),
}
_HEAD = "from jaxseg.config import defaults\n\n\ndef get_config():\n    config = defaults()\n"
CONFIGS = {
    "syntax": ("def get_config(:\n", ["syntax.py, line 1: SyntaxError: invalid syntax"]),
    "import": ("import numpi\n", ["import.py, line 1: ModuleNotFoundError: No module named 'numpi'"]),
    "name": ("x = stepz\n", ["name.py, line 1: NameError: name 'stepz' is not defined"]),
    "raises": ("def get_config():\n    return {}['model']\n", ["raises.py, line 2: KeyError: 'model'"]),
    "leaves": ("raise SystemExit(0)\n", ["leaves.py, line 1: SystemExit: 0"]),
    "asserts": (_HEAD + "    assert config.seed\n", ["asserts.py, line 6: AssertionError"]),
    "recursion": ("def get_config():\n    return get_config()\n", ["recursion.py, line 2: RecursionError"]),
    "bytes": ("x = '\udcff'\n", ["bytes.py", "SyntaxError"]),
    "function": ("steps = 3\n", ["function.py has no get_config()", "jaxseg.config.defaults()"]),
    "nothing": ("def get_config():\n    pass\n", ["nothing.py has no get_config() that returns settings"]),
    "dict": ("def get_config():\n    return {'seed': 0}\n", ["dict.py has no get_config() that returns settings"]),
    "words": ("def get_config(size):\n    pass\n", ["words.py", "TypeError", "size"]),
    "misspelt": (
        _HEAD + "    config.model.sise = 'tiny'\n    return config\n",
        ["model has no setting 'sise'", "size"],
    ),
    "typed": (_HEAD + "    config.train.steps = 'many'\n", ["typed.py, line 6: TypeError", "steps"]),
    "plain_section": (
        _HEAD
        + "    with config.unlocked():\n        del config['train']\n        config.train = 3\n    return config\n",
        ["train is 3", "a section of settings"],
    ),
    "without_section": (
        _HEAD + "    with config.unlocked():\n        del config['eval']\n    return config\n",
        ["eval is missing", "jaxseg.config.defaults()"],
    ),
    "without_setting": (
        _HEAD + "    with config.unlocked():\n        del config.train['steps']\n    return config\n",
        ["train.steps is missing", "jaxseg.config.defaults()"],
    ),
    "another_setting": (
        _HEAD + "    with config.unlocked():\n        config.model.sise = 'tiny'\n    return config\n",
        ["model has no setting 'sise' (did you mean 'size'?)", "it has"],
    ),
    "infinite": (
        _HEAD + "    config.optimizer.learning_rate = float('inf')\n    return config\n",
        ["optimizer.learning_rate is inf", "a finite number"],
    ),
    "true": (
        _HEAD + "    with config.unlocked():\n        config.train['steps'] = True\n    return config\n",
        ["train.steps is True", "a whole number"],
    ),
    "none": (
        _HEAD + "    with config.unlocked():\n        config.seed = None\n    return config\n",
        ["seed is None", "a whole number"],
    ),
}

"""The one protocol: its systems cost the same, and it differs between them in the network alone."""

import pytest
from counted import multiply_adds, parameters

from jaxseg import config, protocol

SYSTEMS = [name for name, row in protocol.SYSTEMS.items() if "attention" not in row.model]


def network(system):
    return config.validate(protocol.configured(protocol.data("chase"), system))


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_of_a_budget_have_as_many_parameters_as_its_anchor(name):
    assert 570_262 / 1.13 < parameters(network(f"{name}-parameters")) < 570_262 * 1.13


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("budget", ["tiny", pytest.param("small", marks=pytest.mark.slow)])
def test_systems_of_a_budget_cost_as_much_as_its_anchor(name, budget):
    anchor, within = {"tiny": (0.3394, 1.28), "small": (2.1454, 1.16)}[budget]
    assert anchor / within < multiply_adds(network(f"{name}-{budget}")) < anchor * within


def test_nothing_but_the_network_differs():
    for data in protocol.DATA:
        settings = []
        for name in protocol.SYSTEMS:
            found = protocol.configured(protocol.data(data), f"{name}-tiny")
            found.model = {}
            settings.append(found.to_json())
        assert len(set(settings)) == 1


def test_words_that_name_no_system_are_told():
    for words, told in (
        ("unett-tiny", r"the system is 'unett' \(did you mean 'unet'\?\)"),
        ("unet", "the budget is ''; choose one of small, tiny, parameters"),
        ("unet-large", "the budget is 'large'"),
        ("", "the system is ''; choose one of denseunet"),
    ):
        with pytest.raises(ValueError, match=told):
            protocol.configured(protocol.data("isic"), words)

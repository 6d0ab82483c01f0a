"""The countries that a person may choose from."""

from itertools import pairwise
from unicodedata import normalize

from django.utils.functional import Promise
from django.utils.translation import override

from consent import countries


def test_all_of_iso_3166_1_has_a_name():
    assert len(countries.names()) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in countries.names())
    assert list(countries.names()) == sorted(countries.names())


def test_names_are_translated_where_they_are_shown_and_not_before():
    assert all(isinstance(name, Promise) for name in countries.names().values())


def test_no_two_countries_have_one_name():
    told = [str(name) for name in countries.names().values()]
    assert len(set(told)) == len(told)


def test_choices_stand_in_the_order_of_their_names():
    with override("en"):
        told = countries.choices()
    assert dict(told) == {code: str(name) for code, name in countries.names().items()}
    assert [code for code, _ in told][:3] == ["AF", "AX", "AL"]
    plain = [normalize("NFD", name)[0] for _, name in told]
    assert all(one <= following for one, following in pairwise(plain))


def test_what_a_caller_does_to_the_names_stays_with_the_caller():
    countries.names().clear()
    assert countries.names()

"""Which words search brings together, and which it keeps apart, in the vocabulary of the first strategy."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talka.core.stems import fold, query_stems, stem, stems, words
from tests.lanes import need_shared

# One word a line, in forms that the strategy uses.
FORMS = """
biobanka biobankai biobankas biobanku biobankās
pētījums pētījuma pētījumam pētījumi pētījumu pētījumus pētījumos
slimnīca slimnīcas slimnīcu slimnīcām
ministrija
uzņēmēji uzņēmēju
uzņēmumi uzņēmumu uzņēmumiem uzņēmumos
jaunuzņēmuma jaunuzņēmumi jaunuzņēmumiem jaunuzņēmumu jaunuzņēmumus
datu datiem datus
paraugi paraugu
zāļu zālēm
likums likuma likumi
likumprojekts likumprojekti
piekrišanas piekrišanu
vēzis vēža vēzi
institūcija institūcijas institūcijām
pacienta pacientu pacientiem pacientus
finansējums finansējuma finansējumu
finanses finanšu
pasākums pasākumu pasākumus
izpildes izpildei
tehnoloģijas tehnoloģiju
padomes padomei
programma programmas programmu programmā programmām programmās
projekts projekta projektam projekti projektu projektiem projektus projektos projektā
mērķis mērķa mērķi mērķiem mērķus mērķos
plāns plāna plānus plānā
gada gadu gadam gadā
joma jomas jomu jomai jomā jomām jomās
nozare nozares nozari nozarei nozarē nozaru nozarēs
prioritāte prioritātes prioritāti prioritātēm
aktivitātē aktivitātēm aktivitāšu
universitāte universitātes universitāti universitāšu
specialitātēm specialitātēs specialitāšu
kapacitātes kapacitāti kapacitātēm
iestādes iestādēm iestādēs iestāžu
metodes metožu
ķēdēs ķēžu
šķēršļi šķēršļu šķēršļiem šķēršļus
līmeņa līmeni līmenim līmenī
līdzekļi līdzekļu līdzekļiem
modelis modelim modeļa
valsts valsti valstu valstī valstīm
tirgus tirgū
zinātne zinātnes zinātņu zinātnēs
pamatnostādņu pamatnostādnēm pamatnostādnēs
misija misijas misiju misijai misijā
inovācijas inovāciju inovācijām
organizācija organizācijas organizāciju organizācijā organizācijām organizācijās
stratēģija stratēģijas stratēģiju stratēģijai
laboratorijas laboratoriju laboratorijām
konsorciju konsorcijā konsorcijos
kompetence kompetences kompetenču
infrastruktūra infrastruktūras infrastruktūru infrastruktūrai
ekosistēma ekosistēmas ekosistēmu
sistēma sistēmas sistēmu sistēmā sistēmām
pētniecība pētniecības pētniecību pētniecībai pētniecībā
attīstība attīstības attīstību attīstībai attīstībā
sadarbība sadarbības sadarbību sadarbībai sadarbībā
darbība darbības darbību darbībām
rīcība rīcības
veselības veselību veselībā
cilvēka cilvēkam cilvēkiem cilvēku
virziens virziena virzieni virzienu virzieniem virzienus virzienos
risinājums risinājumi risinājumu risinājumus
resursa resursi resursu resursus
produkts produkti produktu produktiem produktus
rezultāts rezultāti rezultātu rezultātiem rezultātos rezultātā
iedzīvotāju iedzīvotājiem
vakcīnas vakcīnu
puses pušu pusēm pusē
vide vides vidi videi vidē
interese intereses interešu
idejas ideju
pāreju pārejai
zinātniskais zinātnisko zinātniskā zinātniskās zinātniskiem zinātniskus
starptautisks starptautiski starptautisko starptautiskā starptautiskās starptautiskajam starptautiskām
klīnisko klīniskā klīniskās klīniskai klīniskos
publiskais publisko publiskā publiskajā publiskajiem
atbildīgā atbildīgās
jaunas jauni jaunu jauno jauniem jaunajiem jaunā jaunās
lielo lielu lielā lielāks lielākie lielākajiem lielākās
svarīga svarīgo svarīgākie svarīgākajiem
nepieciešams nepieciešama nepieciešami nepieciešamo nepieciešamie
inovatīvu inovatīviem inovatīvus inovatīvākām
izstrāde izstrādes izstrādei izstrādi izstrādāt izstrādāts izstrādāta izstrādāto izstrādātos
iesaiste iesaisti iesaistot iesaistīto iesaistītā iesaistītajiem
nodrošina nodrošinās nodrošināt nodrošinot nodrošināts nodrošinātu
palielināt palielinot palielināts
attīstīt attīstot attīstīta attīstītajai
izmantots izmantotu izmantojot
izmantošana izmantošanas izmantošanai
iekļaušanu iekļaušanās
eksports eksporta eksportā eksportēt
pārstāvji pārstāvjiem
"""
# Forms that readers will type and the strategy happens not to use.
MORE_FORMS = """
biobanka biobankām
slimnīca slimnīcās slimnīcai
ministrija ministrijas ministriju ministrijām
komiteja komitejas komitejā komitejām komiteju
padome padomes padomju padomē
uzņēmējs uzņēmēji uzņēmējiem uzņēmēja
rādītājs rādītāji rādītāja rādītājiem rādītājus
vadītājs vadītāji vadītājam vadītājiem
lietotājs lietotāji lietotājiem lietotāja
dati datu datiem datos
paraugs paraugiem
zāles zāļu
gads gadi gados gadiem
vēzis vēzim vēžu
lācis lāča lāči lāčiem
brālis brāļa brāļi brāļiem
skapis skapja skapji skapju
pārstāvis pārstāvja pārstāvim pārstāvju
zeme zemju zemes
valsts valstij valstis
sirds sirdij siržu sirdis
iestāde iestāžu
karte karšu kartes
izpilde izpildi izpildīt
pasākums pasākumiem pasākumā
tehnoloģija tehnoloģijām
piedalīties piedalās
sadarboties sadarbojas sadarbojoties
zāle zāles
māja mājas mājām
atļauja atļaujas atļauju
donors donora donoriem
lēmums lēmumu lēmumi
biedrs biedri biedriem
"""
APART = """
dati dators
banka biobanka
licence līcis
mērķis mērs
gaļa gads
gads gāze
likums likumprojekts
uzņēmums jaunuzņēmums
uzņēmums uzņēmējs
pētījums pētniecība pētnieks
zinātne zinātnieks
ministrs ministrija
projekts projektors
valsts valoda
valde valdība
kurss kursors
plāns plānošana platforma
vide video
zāles zelts
vēzis vējš
rādītājs radīt
kolekcija kolektīvs
komiteja komisija komanda
donors doktors
karte karotāja
inovācija inovatīvs
medicīna medikaments
farmācija farmaceits
domē domāt
sistēma sistemātika
izglītība izgudrojums
forums forma
institūts institūcija
rīcība rīks
prioritāte privātais
pasākums pasūtījums
"""
# Known faults of a light stemmer on folded text: they find a little too much, and these tests say so.
STILL_TOGETHER = """
zāle zaļa
programma programmētājs
lietotājiem lietotajiem
radītajiem rādītājiem
"""


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def pairs(text: str) -> list[tuple[str, str]]:
    return [pair for forms in table(text) for pair in combinations(forms, 2)]


def test_the_forms_are_those_of_the_strategy() -> None:
    strategy = need_shared("seed/strategy.txt").read_text(encoding="utf-8")
    used = set(re.findall(r"[^\W\d_]+", strategy.casefold()))
    assert [form for forms in table(FORMS) for form in forms if form not in used] == []


@pytest.mark.parametrize(
    "spelt", [str, fold, str.upper], ids=["written", "without diacritics", "in capitals"]
)
def test_all_forms_of_a_word_come_together(spelt: Callable[[str], str]) -> None:
    missed = [f"{a}/{b}" for a, b in pairs(FORMS) + pairs(MORE_FORMS) if stem(spelt(a)) != stem(spelt(b))]
    assert missed == []


def test_the_table_is_long_enough_to_mean_something() -> None:
    firsts = sum(len(forms) - 1 for forms in table(FORMS))
    assert (firsts >= 120, len(pairs(FORMS)) >= 400) == (True, True), (firsts, len(pairs(FORMS)))


@pytest.mark.parametrize(("one", "other"), pairs(APART))
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(("one", "other"), pairs(STILL_TOGETHER))
def test_different_words_that_we_cannot_tell_apart(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_words_of_one_line_do_not_come_to_another() -> None:
    """Every line is another word, so no two lines may share a stem (finanses and finansējums are two)."""
    heads = [stem(forms[0]) for forms in table(FORMS)]
    assert sorted(heads) == sorted(set(heads))


def test_the_spelling_of_letters_does_not_matter() -> None:
    for forms in table(FORMS) + table(MORE_FORMS) + table(APART):
        for form in forms:
            assert stem(form) == stem(fold(form)) == stem(form.upper()) == fold(stem(form))


def test_stemming_twice_mostly_changes_nothing() -> None:
    roots = {stem(form) for forms in table(FORMS) for form in forms}
    moved = {root for root in roots if stem(root) != root}
    assert len(moved) <= len(roots) // 10, moved


@pytest.mark.parametrize("word", ["", "a", "es", "un", "lv", "rsu", "3.1.2", "2023", "covid19", "ūū", "aaa"])
def test_short_words_and_numbers_are_their_own_stem(word: str) -> None:
    assert stem(word) == fold(word)


@given(st.text(min_size=1, max_size=12))
def test_a_stem_is_never_empty_nor_too_short(text: str) -> None:
    for word in words(text):
        assert len(stem(word)) >= min(len(word), 3)
        assert word.startswith(stem(word)[:3])
    for root in [*stems(text, "lv"), *stems(text, "en")]:
        assert re.fullmatch(r"[^\W_]+(?:\.[^\W_]+)*", root), "an index can take it as it is"


# --- folding and words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Pētījumu ŠĶĒRŠĻI", "petijumu skersli"),
        ("āčēģīķļņōŗšūž", "acegiklnorsuz"),
        ("Straße Łódź Ångström œuvre ﬁn", "strasse lodz angstrom oeuvre fin"),
        ("bio\N{SOFT HYPHEN}banka", "biobanka"),
        ("plain ASCII", "plain ascii"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded == fold(folded)
    assert fold(text.upper()) == folded


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3.1.2. Biobanku likuma apstiprināšana", ["3.1.2", "biobanku", "likuma", "apstiprinasana"]),
        (
            "2021. – 2027.gadam, 7,5 milj. un 30.06.2023.",
            ["2021", "2027", "gadam", "7.5", "milj", "un", "30.06.2023"],
        ),
        ("COVID-19 un IF-NPP (RIS3)", ["covid", "19", "un", "if", "npp", "ris3"]),
        ("P&A&I e-pasts T-šūnas", ["pai", "epasts", "tsunas"]),
        ("Anna’s x, y_z „citāts” 1", ["anna", "citats", "1"]),
        ("a.b@c.lv | www.example.lv", ["lv", "www", "example", "lv"]),
        ('\' OR "x"* :: & | !', ["or"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


# --- both languages ---------------------------------------------------------------------------------------


def test_each_language_has_its_stems() -> None:
    assert stems("Biobanku paraugi", "lv") == ["biobank", "paraug"]
    assert stems("Samples of biobanks", "en") == ["sampl", "of", "biobank"]
    assert stems("clinical studies, study", "en") == ["clinic", "studi", "studi"]
    with pytest.raises(ValueError, match="'de' has no stemmer here: use 'lv' or 'en'"):
        stems("Daten", "de")


def test_a_compound_is_indexed_in_parts_and_whole() -> None:
    assert stems("COVID-19", "lv") == ["covid", "19", "covid19"]
    assert query_stems("covid19") == [frozenset({"covid19"})]
    assert query_stems("COVID-19") == [frozenset({"covid"}), frozenset({"19"})]


@pytest.mark.parametrize(
    ("question", "latvian", "english"),
    [
        ("biobankām", "Latvijas biobanku likums", ""),
        ("biobanks", "", "Law on the biobank"),
        ("pacientiem paraugi", "Pacienta parauga piekrišana", ""),
        ("samples", "", "A sample of blood"),
        ("finansejumu", "Finansējuma avots", ""),
        ("3.1.2", "3.1.2. Biobanku likums", ""),
        ("p&a", "P&A kapacitāte", ""),
    ],
)
def test_a_question_in_either_language_finds_its_text(question: str, latvian: str, english: str) -> None:
    index = {*stems(latvian, "lv"), *stems(english, "en")}
    assert all(group & index for group in query_stems(question))
    assert all(group & index for group in query_stems(question.upper()))


def test_a_question_wants_every_word() -> None:
    index = set(stems("Biobanku likums", "lv"))
    assert [bool(group & index) for group in query_stems("biobankas licence")] == [True, False]
    assert query_stems(" , ") == []

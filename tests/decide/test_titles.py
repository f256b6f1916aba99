"""Ranks and departments of job titles by the shipped lists: real-looking titles in ten languages, and those that only name a chief."""

from __future__ import annotations

from functools import cache

import pytest

from crmsync.decide.condition import Lists, holds, lists_of
from crmsync.decide.titles import Titles, phrases, titled
from crmsync.model.condition import Test
from crmsync.playbook.load import load_files, shipped_paths

C_LEVEL, DIRECTOR, MANAGER, NONE = "c_level", "director", "manager", ""
RANKS = (C_LEVEL, DIRECTOR, MANAGER)

TITLES: dict[str, tuple[str, ...]] = {
    C_LEVEL: (
        # English
        "CEO", "C.E.O. & Founder", "Chief Executive Officer", "Chief Human Resources Officer", "chief revenue officer, EMEA", "Co-Founder & CTO", "CFO/COO",
        "President", "President and CEO", "Owner", "Owner / Photographer", "Managing Director, Asia", "Managing Partner", "Chairman of the Board", "Interim CIO",
        "CISO", "Chief Customer Success Officer", "Vice President & Co-founder", "Company Secretary and CFO", "Member of the Executive Board",
        # German
        "Geschäftsführer", "Geschäftsführerin", "Geschaeftsfuehrer", "Geschäftsführende Gesellschafterin", "Kaufm. Geschäftsführer", "Vorstandsvorsitzender",
        "Vorstand Technik", "Mitglied der Geschäftsleitung", "Inhaberin", "Gründer & Geschäftsführer", "Mitgründerin",
        # French
        "PDG", "P.D.G.", "Président-Directeur Général", "Directrice Générale", "Directeur général adjoint", "Gérant", "Fondatrice", "Co-fondateur", "Présidente",
        "Dirigeante associée",
        # Spanish
        "Director General", "Directora Ejecutiva", "Consejero Delegado", "Presidenta", "Fundadora", "Dueño", "Propietaria", "Gerente General", "Socio Director",
        # Portuguese
        "Diretor-Presidente", "Diretora Executiva", "Sócio-gerente", "Proprietário", "Fundador e CEO",
        # Italian
        "Amministratore Delegato", "Amministratrice delegata", "Direttore Generale", "Titolare", "Fondatrice",
        # Dutch
        "Algemeen directeur", "Eigenaar", "Zaakvoerder", "Bestuursvoorzitter", "DGA", "Oprichter",
        # Polish
        "Prezes Zarządu", "Prezes zarzadu", "Członek Zarządu", "Czlonek zarzadu", "Właściciel", "Założycielka", "Dyrektor Generalny",
        # Swedish, Danish, Norwegian
        "Verkställande direktör", "VD", "Administrerende direktør", "Adm. dir.", "Daglig leder", "Grundare", "Ejer",
    ),
    DIRECTOR: (
        "Director of Sales", "Sr. Director, Product", "Associate Director", "Assistant Director of Housing", "VP", "V.P. Marketing", "Vice President", "Vice-President, EMEA",
        "SVP Engineering", "Assistant Vice President", "Head of Growth", "Global Head, Procurement", "General Manager", "Country Manager DACH", "Regional Vice President",
        "Director of Student Affairs", "IT Director",
        "Vertriebsleiter", "Vertriebsleiterin", "Leiter Einkauf", "Leiterin Unternehmenskommunikation", "Leitung Personal", "Abteilungsleiterin", "Bereichsleiter IT",
        "Leitender Angestellter", "Prokurist", "Prokuristin", "Prok. / Leiter Finanzen", "Vertriebsdirektor", "Direktorin Marketing", "Vizepräsident",
        "Vice-Président Ventes", "Vice-présidente", "Directeur commercial", "Directrice marketing", "Directeur adjoint", "DRH", "D.S.I.", "DAF", "Secrétaire général",
        "Directora de Marketing", "Director Comercial", "Subdirectora", "Vicepresidente de Ventas", "Diretor Financeiro", "Diretora de Operações", "Superintendente",
        "Direttore Commerciale", "Direttrice vendite", "Dirigente", "Hoofd Marketing", "Adjunct-directeur", "Dyrektor Handlowy", "Wicedyrektor", "Wiceprezes",
        "Säljchef", "Försäljningschef", "Marknadschef", "Salgschef", "Salgssjef", "Økonomisjef", "Okonomisjef",
    ),
    MANAGER: (
        "Account Manager", "Marketing Manager", "Team Lead", "Lead Engineer", "Supervisor", "Assistant Manager", "Teamleiter", "Teamleiterin Innendienst", "Projektleiter",
        "Filialleiterin", "Bauprojektleiter / Projektleitung", "Responsable marketing", "Responsable de Compras", "Chef de produit", "Cheffe de projet", "Jefe de Ventas",
        "Jefa de Producto", "Gerente de Vendas", "Responsabile Acquisti", "Kierownik Działu", "Afdelingshoofd",
    ),
    NONE: (
        # They work for somebody, or in somebody's office.
        "Assistant to the CEO", "Executive Assistant to the President", "VP's assistant", "Director's office intern", "Director’s Office Coordinator", "Assistant of the Managing Director",
        "Secretary to the Director", "Office of the CEO", "Founder's Office", "Chief of Staff to the CEO", "EA to CFO", "PA to Managing Director", "Advisor to the President",
        "Assistentin der Geschäftsführung", "Assistenz der Geschäftsleitung", "Geschäftsführungsassistentin", "Vorstandsassistent", "Vorstandssekretärin", "Chefsekretärin",
        "Referent des Vorstands", "Werkstudent Vertriebsleitung", "Praktikantin Geschäftsführung", "Büro der Geschäftsführung",
        "Assistante de direction", "Assistante du PDG", "Secrétaire de direction", "Stagiaire auprès du directeur", "Chargée de mission auprès du Directeur général", "Ancien directeur",
        "Asistente de Dirección General", "Secretaria del Director", "Becario de Dirección", "Assistente de Diretoria", "Assistente do Diretor", "Estagiária da Diretora",
        "Assistente di direzione", "Segretaria del Presidente", "Secretaresse van de directeur", "Managementassistent van de directeur",
        "Asystentka Prezesa", "Asystent Zarządu", "VD-assistent", "Direktionsassistent", "Former CEO", "Retired Vice President", "Ehemaliger Geschäftsführer", "Student",
        # They only sound like it.
        "Product Owner", "Process Owner Billing", "Halbleiter-Ingenieur", "Zugbegleiter", "Praxisanleiterin", "Ingenieur Rohrleitungsbau", "Funeral Director", "Film Director",
        "Director of First Impressions", "Vector artist", "Principal Consultant", "Headhunter", "Directory Specialist", "Software Engineer", "Buchhalterin", "Vendedor", "Consultant",
        "Ceoptions trader", "Investigador", "Analyste", "n/a", "-", "CEOO", "Viceroy",
    ),
}  # fmt: skip
DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "marketing": ("VP Marketing", "CMO", "Leiterin Unternehmenskommunikation", "Directora de Marketing", "Onlinemarketing-Managerin", "Head of Brand", "Marknadschef"),
    "sales": ("Director of Sales", "Vertriebsleiter", "Directeur commercial", "Jefe de Ventas", "Gerente de Vendas", "Key Account Manager", "Säljchef", "Direttrice vendite"),
    "technology": ("CTO", "IT-Leiter", "D.S.I.", "Head of Information Technology", "Leiter Softwareentwicklung / EDV", "Responsable informatique", "Software Engineer"),
    "finance": ("CFO", "Leiter Finanzen", "Leiterin Finanzbuchhaltung", "Directeur financier", "Diretor de Contabilidade", "Responsable comptabilité", "Główna Księgowa"),
    "human_resources": ("CHRO", "VP People", "Personalleiterin", "Leiter Personal", "DRH", "Directora de Recursos Humanos", "Responsabile Risorse Umane"),
    "operations": ("COO", "Head of Operations", "Produktionsleiter", "Directeur logistique", "Gerente de Operaciones", "Werksleiter"),
    "procurement": ("Head of Procurement", "Leiter Einkauf", "Chefeinkäufer / Einkaufsleiter", "Responsable achats", "Responsabile Acquisti", "Inkoper"),
    "legal": ("General Counsel", "Leiterin Recht", "Directeur juridique", "Asesora Jurídica", "Responsabile Legale", "Compliance Manager"),
}  # fmt: skip
IN_NONE = ("Personal Assistant", "Itinerant teacher", "Consultant", "Prince of Wales", "Legion member", "Owner")
"""Of no department."""


@cache
def shipped() -> Lists:
    return lists_of(load_files(shipped_paths()))


def rank(title: str) -> str:
    """The highest rank that a title is of."""
    return next((name for name in RANKS if titled(title, (name,), shipped().titles)), NONE)


def test_titles_are_of_the_rank_that_a_reader_gives_them() -> None:
    assert sum(map(len, TITLES.values())) >= 120
    wrong = [(title, rank(title), wanted) for wanted, titles in TITLES.items() for title in titles if rank(title) != wanted]
    assert wrong == []


def test_titles_are_of_the_department_that_a_reader_gives_them() -> None:
    wrong = [(title, name) for name, titles in DEPARTMENTS.items() for title in titles if not titled(title, (name,), shipped().titles)]
    wrong += [(title, name) for title in IN_NONE for name in DEPARTMENTS if titled(title, (name,), shipped().titles)]
    assert wrong == []


def test_an_assistant_belongs_to_a_department_all_the_same() -> None:
    test = Test(field="title", op="title_is", value=("marketing",))
    assert holds(test, {"title": "Assistant to the Marketing Director"}, shipped())
    assert not holds(Test(field="title", op="title_is", value="director"), {"title": "Assistant to the Marketing Director"}, shipped())
    assert holds(
        Test(field="title", op="title_is", value=("director", "assistant")), {"title": "Assistant to the Marketing Director"}, shipped()
    )


@pytest.mark.parametrize(
    ("phrase", "title", "found"),
    [
        ("*leiter", "Vertriebsleiter", True), ("*leiter", "Leiter", True), ("*leiter", "Leiterplatten", False), ("gründ*", "Gründerin", True),
        ("*marketing*", "Onlinemarketing", True), ("chief * officer", "Chief Marketing Officer", True), ("chief * officer", "Chief Officer", False),
        ("vice-président", "VICE PRESIDENT", True), ("c.e.o.", "CEO", True), ("właściciel*", "Wlascicielka", True), ("*", "anything", False), ("**", "x", False),
    ],
)  # fmt: skip
def test_phrases(phrase: str, title: str, found: bool) -> None:
    assert titled(title, ("x",), Titles(ranks={"x": phrases([phrase])})) is found


def test_what_is_struck_out_joins_nothing() -> None:
    titles = Titles(ranks={"x": phrases(["head of", "president"])}, without={"x": phrases(["vice president", "bar*"])})
    assert not titled("Vice President", ("x",), titles)
    assert titled("Vice President, then President", ("x",), titles)
    assert not titled("Head barkeeper of Cork", ("x",), titles)
    assert not titled("President", ("y",), titles)

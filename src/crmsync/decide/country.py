"""Which country a CRM's country field means: ISO codes, and names in many languages.

The names are the CLDR's, in the languages in which most CRMs are kept, with the other spellings that people write into country fields.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from crmsync.decide.text import one_line
from crmsync.model.record import Value


def country_of(value: Value) -> str | None:
    """The ISO 3166 alpha-2 code that a country field means ("Germany", "DE", "deu", "Deutschland"), None when it means no country we know.
    Case, accents, blanks and punctuation do not matter."""
    return _by_name().get(_fold(value)) if isinstance(value, str) else None


def country_name(code: str) -> str:
    """The English name of a country by its alpha-2 code; the code itself when it has none here."""
    return _names().get(code, code)


def _fold(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", one_line(text, 80).casefold()) if c.isalnum())


@cache
def _rows() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    rows = (line.split(" ", 2) for line in _TABLE.strip().splitlines())
    return tuple((code, long, tuple(names.split("|"))) for code, long, names in rows)


@cache
def _names() -> dict[str, str]:
    return {code: names[0] for code, _, names in _rows()}


@cache
def _by_name() -> dict[str, str]:
    found = {_fold(name): code for code, _, names in _rows() for name in names}
    return found | {word.casefold(): code for code, long, _ in _rows() for word in (code, long)}


# alpha-2, alpha-3, English name first.
_TABLE = """
AD AND Andorra|Andorre|Andora|Андорра|Ανδόρα|安道尔|アンドラ|안도라
AE ARE United Arab Emirates|UAE|Emirates|VAE|Dubai|Abu Dhabi|Vereinigte Arabische Emirate|Emirats Arabes Unis|Emiratos Árabes Unidos|Emirati Arabi Uniti|Emirados Árabes Unidos|Verenigde Arabische Emiraten|Zjednoczone Emiraty Arabskie|Förenade Arabemiraten|Unió dels Emirats Àrabs|Uni Emirat Arab|Объединенные Арабские Эмираты|Ηνωμένα Αραβικά Εμιράτα|الإمارات|阿拉伯联合酋长国|アラブ首長国連邦|아랍에미리트
AF AFG Afghanistan|Afganistán|Afeganistão|Афганистан|Αφγανιστάν|阿富汗|アフガニスタン|아프가니스탄
AG ATG Antigua and Barbuda|Antigua & Barbuda|Antigua und Barbuda|Antigua et Barbuda|Antigua y Barbuda|Antigua e Barbuda|Antigua en Barbuda|Antigua och Barbuda|Antigua dan Barbuda|Αντίγκουα και Μπαρμπούντα|安提瓜和巴布达|アンチグアバーブーダ|앤티가 바부다
AI AIA Anguilla|Anguila|Ангуила|Ανγκουίλα|安圭拉|アンギラ|안길라
AL ALB Albania|Albanien|Albanie|Албания|Αλβανία|阿尔巴尼亚|アルバニア|알바니아|Shqipëria
AM ARM Armenia|Armenien|Arménie|Армения|Αρμενία|亚美尼亚|アルメニア|아르메니아
AO AGO Angola|Ангола|Ανγκόλα|安哥拉|アンゴラ|앙골라
AR ARG Argentina|Argentinien|Argentine|Argentinië|Argentyna|Аргентина|Αργεντινή|阿根廷|アルゼンチン|아르헨티나
AS ASM American Samoa|Amerikanisch-Samoa|Samoa américaines|Samoa Americana|Samoa americane|Amerikaans Samoa|Amerikanska Samoa|Samoa Amerika|Αμερικανική Σαμόα|东萨摩亚|アメリカンサモア|미국령 사모아
AT AUT Austria|Autriche|Österreich|Oesterreich|Rakousko|Ausztria|Østerrike|Oostenrijk|Österrike|Австрия|Αυστρία|奥地利|オーストリア|오스트리아
AU AUS Australia|Australien|Australie|Австралия|Αυστραλία|澳大利亚|オーストラリア|오스트레일리아
AW ABW Aruba|Аруба|Αρούμπα|阿鲁巴|アルバ島|아루바
AX ALA Åland Islands|Åland|Aaland-Inseln|Îles Åland|Islas Aland|Isole Aland|Ilhas Aland|Alandeilanden|Νήσοι Aland|奥兰群岛|オーランド諸島|올란드 제도
AZ AZE Azerbaijan|Aserbaidschan|Azerbaïdjan|Azerbaiyán|Azerbaigian|Azerbaijão|Azerbeidzjan|Azerbejdżan|Azerbadjan|Азербайджан|Αζερμπαϊτζάν|阿塞拜疆|アゼルバイジャン|아제르바이잔
BA BIH Bosnia and Herzegovina|Bosnia|Bosnia & Herzegovina|Bosnien und Herzegowina|Bosnie-Herzégovine|Bosnia y Hercegovina|Bosnia-Erzegovina|Bosnië en Herzegovina|Bośnia i Hercegowina|Bosnien och Herzegovina|Bòsnia i Hercegovina|Bosnia dan Herzegovina|Босния и Герцеговина|Βοσνία - Ερζεγοβίνη|波斯尼亚和黑山共和国|ボスニア・ヘルツェゴビナ|보스니아 헤르체고비나
BB BRB Barbados|Barbade|Барбадос|Μπαρμπάντος|巴巴多斯|バルバドス|바베이도스
BD BGD Bangladesh|Bangladesch|Bangladesz|Бангладеш|Μπανγκλαντές|孟加拉|バングラデシュ|방글라데시
BE BEL Belgium|Belgique|België|Belgien|Bélgica|Belgio|Belgia|Бельгия|Βέλγιο|比利时|ベルギー|벨기에
BF BFA Burkina Faso|Burquina Faso|Буркина-Фасо|Μπουρκίνα Φάσο|布基纳法索|ブルキナファソ|부르키나파소
BG BLG Bulgaria|България|Bulgarien|Bulgarie|Bulgarije|Bułgaria|Болгария|Βουλγαρία|保加利亚|ブルガリア|불가리아
BH BAH Bahrain|Bahreïn|Bahrajn|Бахрейн|Μπαχρέιν|البحرين|巴林|バーレーン|바레인
BI BDI Burundi|Бурунди|Μπουρούντι|布隆迪|ブルンジ|부룬디
BJ BEN Benin|Бенин|Μπένιν|贝宁|ベニン|베넹
BL BLM Saint Barthélemy|San Bartolomé|São Bartolomeu|圣巴泰勒米岛|サンバルテルミー|생 바르텔레미
BM BMU Bermuda|Bermudes|Bermudas|Bermudy|Бермудские острова|Βερμούδες|百慕大|バーミューダ諸島|버뮤다
BN BRN Brunei|Brunei Darussalam|Бруней|Μπρουνέι Νταρουσαλάμ|文莱|ブルネイ|브루나이
BO BOL Bolivia|Bolivia, Plurinational State of|Bolivien|Bolivie|Boliwia|Боливия|Βολιβία|玻利维亚|ボリビア|볼리비아
BQ BES Bonaire, Sint Eustatius and Saba|Bonaire|Bonaire, Sint Eustatius und Saba|Bonaire, Saint-Eustache et Saba|Bonaire, San Eustaquio y Saba|Bonaire, Sint Eustatius e Saba|Bonaire, Saint Eustatius och Saba|博奈尔岛, 圣尤斯特歇斯岛和萨巴岛|ボネール、シントユースタティウスおよびサバ|보네르, 신트유스타티우스, 사바 제도
BR BRA Brazil|Brasil|Brasilien|Brésil|Brasile|Brazilië|Brazylia|Brasilia|Бразилия|Βραζιλία|巴西|ブラジル|브라질
BS BHS Bahamas|The Bahamas|Bahamy|Bahames|Багамские острова|Μπαχάμες|巴哈马|バハマ|바하마
BT BTN Bhutan|Bhoutan|Bután|Butão|Бутан|Μπουτάν|不丹|ブータン|부탄
BW BWA Botswana|Botsuana|Ботсвана|Μποτσουάνα|博茨瓦纳|ボツワナ|보츠와나
BY BLR Belarus|Biélo-Russie|Bielorrusia|Bielorussia|Wit-Rusland|Białoruś|Vitryssland|Belarusia|Беларусь|Λευκορωσία|白俄罗斯|ベラルーシ|벨라루스
BZ BLZ Belize|Belice|Белиз|Μπελίζ|伯里兹|ベリーズ|벨리즈
CA CAN Canada|Kanada|Канада|Καναδάς|加拿大|カナダ|캐나다
CC CCK Cocos Islands|Kokos-Inseln|Îles Cocos|Islas Cocos|Isole Cocos|Ilhas Coco|Cocoseilanden|Cocosöarna|Kepulauan Cocos|Νήσοι Κόκος (Κήλινγκ)|科库斯群岛|ココス諸島|코코스 군도
CD COD The Democratic Republic Of Congo|Congo, Democratic Republic of the|DR Congo|DRC|Congo-Kinshasa|Democratic Republic of the Congo|Demokratische Republik Kongo|République démocratique du Congo|República Democrática del Congo|Repubblica democratica del Congo|Demokratiska republiken Kongo|Republik Demokratik Kongo|Κονγκό, Λαϊκή Δημοκρατία του|刚果民主共和国|コンゴ民主共和国|콩고 민주 공화국
CF CAF Central African Republic|Zentralafrikanische Republik|République Centre-Africaine|República Centroafricana|Repubblica Centrafricana|Centraal-Afrikaanse Republiek|Republika Środkowoafrykańska|Centralafrikanska republiken|República Centrafricana|Republik Afrika Tengah|Центральноафриканская Республика|Κεντροαφρικανική Δημοκρατία|中非共和国|中央アフリカ共和国|중앙 아프리카
CG COG Congo|Congo-Brazzaville|Republic of the Congo|Kongo|Конго|Κονγκό|刚果|コンゴ|콩고
CH CHE Switzerland|Schweiz|Suisse|Svizzera|Svizra|Swiss Confederation|Švýcarsko|Svájc|Suiza|Suíça|Zwitserland|Szwajcaria|Sveitsi|Swiss|Швейцария|Ελβετία|瑞士|スイス|스위스
CI CIV Côte d'Ivoire|Ivory Coast|Elfenbeinküste|Costa de Marfil|Costa d'Avorio|Costa do Marfim|Ivoorkust|Wybrzeże Kości Słoniowej|Elfenbenskusten|Costa d'Ivori|Pantai Gading|Кот-д'Ивуар|Ακτή Ελεφαντόδοντος|象牙海岸|コートジボアール|코트디부와르
CK COK Cook Islands|Cook-Inseln|Îles Cook|Islas Cook|Isole Cook|Ilhas Cook|Cookeilanden|Cooköarna|Kepulauan Cook|Νήσοι Κουκ|库克群岛|クック諸島|쿡 제도
CL CHL Chile|Chili|Cile|Xile|Чили|Χιλή|智利|チリ|칠레
CM CMR Cameroon|Kamerun|Cameroun|Camerún|República dos Camarões|Kameroen|Камерун|Καμερούν|喀麦隆|カメルーン|카메룬
CN CHN China|People's Republic of China|PRC|P.R. China|Mainland China|中华人民共和国|Chine|Cina|Chiny|Kina|Kiina|Xina|Китай|Κίνα|中国|中華人民共和国|중국
CO COL Colombia|Kolumbien|Colombie|Kolumbia|Kolombia|Колумбия|Κολομβία|哥伦比亚|コロンビア|콜롬비아
CR CRI Costa Rica|Kostaryka|Kosta Rika|Коста-Рика|Κόστα Ρίκα|哥斯达黎加|コスタリカ|코스타리카
CU CUB Cuba|Kuba|Куба|Κούβα|古巴|キューバ|쿠바
CV CPV Cape Verde|Cabo Verde|Kap Verde|Cap Vert|Capo Verde|Kaapverdië|Republika Zielonego Przylądka|Cap Verd|Tanjung Verde|Зеленый Мыс|Νήσοι Πράσινου Ακρωτηρίου|佛得角|カーボベルデ|까뽀베르데
CW CUW Curaçao|库拉索岛|キュラソー|퀴라소
CX CXR Christmas Island|Weihnachtsinsel|Île Christmas|Isla Christmas|Isola di Natale|Ilhas Natal|Christmaseiland|Julön|Pulau Christmas|Νήσος Χριστουγέννων|圣诞岛|クリスマス島|크리스마스 섬
CY CYP Cyprus|Zypern|Chypre|Chipre|Cipro|Cypr|Cypern|Xipre|Siprus|Кипр|Κύπρος|塞浦路斯|キプロス|사이프러스
CZ CZE Czech Republic|Czechia|Tschechien|Tchéquie|Chequia|Cechia|Tsjechië|Czechy|Česko|Tjeckien|Tschechische Republik|République Tchèque|Repubblica Ceca|República Tcheca|Republika Czeska|Tjeckiska republiken|Tsekin tasavalta|República Txeca|Republik Ceko|Чехия|Τσεχία|捷克共和国|チェコ|체코|Česká republika
DE DEU Germany|BRD|Federal Republic of Germany|Bundesrepublik Deutschland|Německo|Németország|Almanya|Germania|Allemagne|Deutschland|Alemania|Alemanha|Duitsland|Niemcy|Tyskland|Saksa|Alemanya|Jerman|Германия|Γερμανία|德国|ドイツ|독일
DJ DJI Djibouti|Dschibuti|Yibuti|Gibuti|Djibuti|Dżibuti|Jibouti|Джибути|Τζιμπουτί|吉布提|ジブチ|지부티
DK DNK Denmark|Danmark|Dänemark|Dinamarca|Danimarca|Denemarken|Dania|Tanska|Дания|Δανία|丹麦|デンマーク|덴마크
DM DMA Dominica|Dominique|Dominika|Доминика|Ντομίνικα|多米尼加联邦|ドミニカ国|도미니카
DO DOM Dominican Republic|Dominikanische Republik|République Dominicaine|República Dominicana|Repubblica Dominicana|Dominicaanse Republiek|Republika Dominikany|Dominikanska republiken|Republik Dominika|Доминиканская Республика|Δομινικανή Δημοκρατία|多米尼加共和国|ドミニカ共和国|도미니카 공화국
DZ DZA Algeria|Algerien|Algérie|Argelia|Algerije|Algeriet|Алжир|Αλγερία|الجزائر|阿尔及利亚|アルジェリア|알제리
EC ECU Ecuador|Equateur|Equador|Ekwador|Ekuador|Эквадор|Ισημερινός|厄瓜多尔|エクアドル|에쿠아도르
EE EST Estonia|Estland|Estonie|Эстония|Εσθονία|爱沙尼亚|エストニア|에스토니아|Eesti
EG EGY Egypt|Ägypten|Egypte|Egipto|Egitto|Egito|Egipt|Egypten|Egipte|Mesir|Египт|Αίγυπτος|مصر|埃及|エジプト|이집트
EH ESH Western Sahara|Westsahara|Sahara Occidental|Sahara Occidentale|Saara Ocidental|Westelijke Sahara|Sahara Zachodnia|Västra Sahara|Sahara Barat|Западная Сахара|Δυτική Σαχάρα|西撒哈拉|西サハラ|서사하라
ER ERI Eritrea|Erythrée|Eritreia|Erytrea|Эритрея|Ερυθραία|厄里特尼亚|エリトリア|에리트리아
ES ESP Spain|Spanje|Španělsko|Kingdom of Spain|Spanien|Espagne|España|Spagna|Espanha|Hiszpania|Espanja|Espanya|Spanyol|Испания|Ισπανία|西班牙|スペイン|스페인
ET ETH Ethiopia|Äthiopien|Ethiopie|Etiopía|Etiopien|Эфиопия|Αιθιοπία|埃塞俄比亚|エチオピア|이디오피아
FI FIN Finland|Suomi|Finnland|Finlande|Finlandia|Финляндия|Φινλανδία|芬兰|フィンランド|핀란드
FJ FJI Fiji|Fidschi|Fidji|Fiyi|Figi|Fidżi|Фиджи|Φίτζι|斐济|フィジー|피지
FK FLK Falkland Islands|Falkland Islands (Malvinas)|Falkland-Inseln|Îles Malouines|Islas Malvinas|Isole Falkland|Ilhas Malvinas|Falklandeilanden|Falklandsöarna|Kepulauan Falkland|Νήσοι Φώκλαντ|富克兰群岛|フォークランド諸島|포클랜드 제도
FM FSM Micronesia|Federated States of Micronesia|Mikronesien|Micronésie|Mikronezja|Mikronesia|Микронезия|Μικρονησία, Ομόσπονδες Πολιτείες της|密克罗尼西亚|ミクロネシア|마이크로네시아
FO FRO Faroe Islands|Färöer-Inseln|Îles Féroé|Islas Feroe|Isole Færoer|Ilhas Faroe|Faeröer|Färöarna|Kepulauan Faroe|Νήσοι Φερόες|法罗群岛|フェロー諸島|페로 제도
FR FRA France|Frankreich|Francia|França|Frankrijk|Francja|Frankrike|Ranska|Perancis|Франция|Γαλλία|法国|フランス|프랑스
GA GAB Gabon|Gabun|Gabão|Габон|Γκαμπόν|加蓬|ガボン|가봉
GB GBR United Kingdom|UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland|United Kingdom of Great Britain and Northern Ireland|Großbritannien|Grande-Bretagne|Gran Bretaña|Gran Bretagna|Grã-Bretanha|Groot-Brittannië|Wielka Brytania|Storbritannien|Storbritannia|England and Wales|Velká Británie|Egyesült Királyság|Birleşik Krallık|Marea Britanie|Великобритания|Vereinigtes Königreich|Royaume-Uni|Reino Unido|Regno Unito|Verenigd Koninkrijk|Iso-Britannia|Regne Unit|Inggris Raya|Соединенное Королевство|Ηνωμένο Βασίλειο|英国|イギリス|영국
GD GRD Grenada|Grenade|Granada|Γρενάδα|格林纳达|グレナダ|그레나다
GE GEO Georgia|Georgien|Géorgie|Gruzja|Грузия|Γεωργία|格鲁吉亚|グルジア|그루지야
GF GUF French Guiana|Französisch-Guayana|Guyane française|Guayana Francesa|Guayana Francese|Guiana Francesa|Frans-Guyana|Gujana Francuska|Franska Guyana|Guaiana Francesa|Guyana Perancis|Французская Гвинея|Γαλλική Γουιάνα|法属圭亚那|仏領ギアナ|프랑스령 기아나
GG GGY Guernsey|Guernesey|格恩西岛|ガーンジー|건지
GH GHA Ghana|Gana|Гана|Γκάνα|加纳|ガーナ|가나
GI GIB Gibraltar|Gibilterra|Γιβραλτάρ|直布罗陀|ジブラルタル|지브롤터
GL GRL Greenland|Grönland|Groenland|Groenlandia|Γροιλανδία|格陵兰|グリーンランド|그린랜드
GM GMB Gambia|The Gambia|Gambie|Гамбия|Γκάμπια|冈比亚|ガンビア|감비아
GN GIN Guinea|Guinée|Guiné|Gwinea|Гвинея|Γουινέα|几内亚|ギニア|기니
GP GLP Guadeloupe|Guadalupe|Guadalupa|Gwadelupa|Гваделупа|Γουαδελούπη|瓜德罗普岛|グアドループ|과달로프
GQ GNQ Equatorial Guinea|Äquatorial-Guinea|Guinée Equatoriale|Guinea Ecuatorial|Guinea Equatoriale|Guiné Equatorial|Equatoriaal-Guinea|Gwinea Równikowa|Ekvatorialguinea|Guinea Equatorial|Guinea Khatulistiwa|Экваториальная Гвинея|Ισημερινή Γουινέα|赤道几内亚|赤道ギニア|적도 기니
GR GRC Greece|EL|Hellas|Ellada|Griechenland|Grèce|Grecia|Griekenland|Grecja|Grekland|Kreikka|Yunani|Греция|Ελλάδα|希腊|ギリシア|그리스
GT GUA Guatemala|Gwatemala|Гватемала|Γουατεμάλα|危地马拉|グアテマラ|과테말라
GU GUM Guam|Γκουάμ|关岛|グアム|괌
GW GNB Guinea-Bissau|Guinée-Bissau|Guiné Bissau|Gwinea Bissau|Гвинея-Бисау|Γουινέα-Μπισάου|几内亚比绍共和国|ギニアビサウ|기네비쏘
GY GUY Guyana|Guiana|Gujana|Гайана|Γουιάνα|圭亚那|ガイアナ|가이아나
HK HKG Hong Kong|Hong Kong SAR|Hong Kong SAR China|Hong Kong, Região Admin. Especial da China|Hongkong SAR van China|Hong Kong S.A.R., Cina|Гонконг|Χονγκ Κονγκ, Ειδική Διοικητική Περιφέρεια της Κίνας|香港|홍콩
HN HND Honduras|Hondures|Гондурас|Ονδούρα|洪都拉斯|ホンジュラス|온두라스
HR HRV Croatia|Kroatien|Croatie|Croacia|Croazia|Kroatië|Chorwacja|Kroasia|Хорватия|Κροατία|克罗地亚|クロアチア|크로아티아|Hrvatska
HT HTI Haiti|Гаити|Αϊτή|海地|ハイチ|하이티
HU HUN Hungary|Magyarország|Ungarn|Hongrie|Hungría|Ungheria|Hongarije|Węgry|Ungern|Hongria|Hungaria|Венгрия|Ουγγαρία|匈牙利|ハンガリー|헝가리
ID IDN Indonesia|Indonesien|Indonésie|Indonezja|Индонезия|Ινδονησία|印度尼西亚|インドネシア|인도네시아
IE IRL Ireland|Republic of Ireland|Eire|Irsko|Írország|Irland|Irlande|Irlanda|Ierland|Irlandia|Irlanti|Ирландия|Ιρλανδία|爱尔兰|アイルランド|아일랜드
IL ISR Israel|Israele|Izrael|Израиль|Ισραήλ|以色列|イスラエル|이스라엘|ישראל
IM IMN Isle Of Man|Ile de Man|Isla de Man|Isola di Man|Ilha de Man|曼岛|マン島|맨 섬
IN IND India|Bharat|भारत|Indien|Inde|Indie|Индия|Ινδία|印度|インド|인도
IO IOT British Indian Ocean Territory|Britische Territorien im Indischen Ozean|Territoires britanniques de l'Océan Indien|Territorio Británico del Océano Índico|Territorio britannico dell'Oceano Indiano|Território Britânico do Oceano Índico|Britse Gebieden in de Indische Oceaan|Brittiska territoriet i Indiska Oceanen|Βρετανικά Έδάφη Ινδικού Ωκεανού|英属印度洋领地|英領インド洋地域|영인도 제도
IQ IRQ Iraq|Irak|Iraque|Ирак|Ιράκ|العراق|伊拉克|イラク|이라크
IR IRN Iran|Iran, Islamic Republic of|Islamic Republic of Iran|Irã|Иран|Ιράν, Ισλαμική Δημοκρατία του|伊朗|イラン|이란
IS ISL Iceland|Island|Islande|Islandia|Islanda|IJsland|Исландия|Ισλανδία|冰岛|アイスランド|아이슬란드
IT ITA Italy|Italien|Italie|Italia|Włochy|Itali|Италия|Ιταλία|意大利|イタリア|이탈리아
JE JEY Jersey|泽西岛|ジャージー|저지
JM JAM Jamaica|Jamaika|Jamaïque|Giamaica|Jamajka|Ямайка|Τζαμάικα|牙买加|ジャマイカ|자메이카
JO JOR Jordan|Jordanien|Jordanie|Jordania|Giordania|Yordania|Иордания|Ιορδανία|الأردن|约旦|ヨルダン|요르단
JP JPN Japan|Nippon|日本|Japon|Giappone|Japão|Japonia|Japani|Japó|Jepang|Япония|Ιαπωνία|일본
KE KEN Kenya|Kenia|Quênia|Кения|Κένυα|肯尼亚|ケニア|케냐
KG KGZ Kyrgyzstan|Kirgistan|Kirguizistán|Kirghizistan|Quirguistão|Kirgizië|Kirgisistan|Kirgizistan|Киргизстан|Κιργιζία|吉尔吉克斯坦|キルギスタン|키르기스스탄
KH KHM Cambodia|Kambodscha|Cambodge|Camboya|Cambogia|Camboja|Cambodja|Kambodża|Kambodja|Kamboja|Камбоджа|Καμπότζη|柬埔寨|カンボジア|캄보디아
KI KIR Kiribati|Quiribati|Кирибати|Κιριμπάτι|基里巴斯|キリバス|키리바시
KM COM Comoros|Komoren|Comores|Comore|Comoren|Komory|Komorerna|Komoros|Коморос|Κομόρες|科摩罗|コモロ|코모르
KN KNA Saint Kitts And Nevis|St. Kitts and Nevis|Saint Kitts und Nevis|Saint-Christophe-et-Niévès|San Cristóbal y Nieves|Saint Kitts e Nevis|São Cristovão e Nevis|Saint Kitts en Nevis|Saint Kitts och Nevis|Saint Kitts dan Nevis|Σαιντ Κιτς και Νέβις|圣基茨和尼维斯|セントクリストファー・ネイビス|세인트 크리스토퍼 니비스
KP PRK North Korea|Korea, Democratic People's Republic of|Nordkorea|Corée du Nord|Corea del Norte|Corea del Nord|Coreia do Norte|Noord-Korea|Korea Północna|Korea Utara|Северная Корея|Κορέα, Βόρεια|朝鲜|朝鮮民主主義人民共和国|북한
KR KOR South Korea|Republic of Korea|Korea, Republic of|Südkorea|Corée du Sud|Corea del Sur|Korea|Corea del Sud|Coreia do Sul|Zuid-Korea|Korea Południowa|Sydkorea|Korea Selatan|Южная Корея|Κορέα, Νότια|韩国|大韓民国|대한민국
KW KWT Kuwait|Koweit|Koeweit|Kuwejt|Кувейт|Κουβέιτ|الكويت|科威特|クウェート|쿠웨이트
KY CYM Cayman Islands|Kaiman-Inseln|Îles Caïmans|Islas Caimán|Isole Cayman|Ilhas Caiman|Caymaneilanden|Caymanöarna|Kepulauan Kayman|Νήσοι Κέιμαν|开曼群岛|ケイマン諸島|케이맨 제도
KZ KAZ Kazakhstan|Kasachstan|Kazajstán|Casaquistão|Kazachstan|Kazakstan|Казахстан|Καζακστάν|哈萨克斯坦|カザフスタン|카자흐스탄
LA LAO Laos|Lao PDR|Lao People's Democratic Republic|República Popular Democrática do Laos|Лаос|Λατινική Αμερική|老挝|ラオス|라오스
LB LBN Lebanon|Libanon|Liban|Líbano|Ливан|Λίβανος|لبنان|黎巴嫩|レバノン|레바논
LC LCA Saint Lucia|St. Lucia|Sainte-Lucie|Santa Lucia|Sainte Lucia|Santa Lusia|Αγία Λουκία|圣卢西亚|セントルシア|세인트 루시아
LI LIE Liechtenstein|Лихтенштейн|Λιχτενστάιν|列支敦士登|リヒテンシュタイン|리히텐슈타인
LK LKA Sri Lanka|Шри-Ланка|Σρι Λάνκα|斯里兰卡|スリランカ|스리랑카
LR LBR Liberia|Либерия|Λιβερία|利比里亚|リベリア|라이베리아
LS LSO Lesotho|Lesoto|Лесото|Λεσότο|莱索托|レソト|레소토
LT LTU Lithuania|Litauen|Lithuanie|Lituania|Litouwen|Litwa|Литва|Λιθουανία|立陶宛|リトアニア|리투아니아|Lietuva
LU LUX Luxembourg|Luxemburg|Luxemburgo|Lussemburgo|Luksemburg|Люксембург|Λουξεμβούργο|卢森堡|ルクセンブルク|룩셈부르크
LV LVA Latvia|Lettland|Lettonie|Letonia|Lettonia|Letland|Łotwa|Латвия|Λετονία|拉脱维亚|ラトビア|라트비아|Latvija
LY LBY Libya|Libyen|Libye|Libia|Libië|Ливия|Λιβύη|ليبيا|利比亚|リビア|리비아
MA MOR Morocco|Marokko|Maroc|Marruecos|Marocco|Marrocos|Maroko|Marocko|Marroc|Марокко|Μαρόκο|المغرب|摩洛哥|モロッコ|모로코
MC MCO Monaco|Monako|Монако|Μονακό|摩纳哥|モナコ|모나코
MD MDA Moldova|Moldova, Republic of|Republic of Moldova|Moldau|Moldavie|Moldavia|Mołdawia|Moldavien|Молдова|Μολδαβία, Δημοκρατία της|摩尔多瓦|モルドバ|몰도바
ME MNE Montenegro|黑山|モンテネグロ|몬테네그로
MF MAF Saint Martin|St. Martin|San Martín|São Martinho|圣马丁|サンマルタン|생 마르탱
MG MDG Madagascar|Madagaskar|Мадагаскар|Μαδαγασκάρη|马达加斯加|マダガスカル|마다가스카르
MH MHL Marshall Islands|Marshall-Inseln|Îles Marshall|Islas Marshall|Isole Marshall|Ilhas Marshall|Marshalleilanden|Marshallöarna|Kepulauan Marshall|Νήσοι Μάρσαλ|马绍尔群岛|マーシャル諸島|마셜 제도
MK MKD Macedonia|North Macedonia|FYROM|Nordmazedonien|Mazedonien|Macédoine|Macedonië|Makedonien|Македония|ΠΓΔ Μακεδονίας|马其顿王国|マケドニア|마케도니아어|Македонија
ML MLI Mali|Мали|Μάλι|马里|マリ|말리
MM MMR Myanmar|Burma|Mianmar [Birmânia]|Мьянма|Μιανμάρ|缅甸|ミャンマー|미얀마
MN MNG Mongolia|Mongolei|Mongolie|Mongoliet|Монголия|Μογγολία|蒙古|モンゴル|몽골
MO MAC Macao|Macau|Macao SAR China|Macau, Região Admin. Especial da China|Macao SAR van China|Makao S.A.R. Cina|Μακάο, Ειδική Διοικητική Περιφέρεια της Κίνας|澳门特区|マカオ|마카오
MP MNP Northern Mariana Islands|Nördliche Mariannen-Inseln|Îles Mariannes du Nord|Islas Marianas del Norte|Isole Marianne settentrionali|Ilhas Marianas do Norte|Noordelijke Marianeneilanden|Nordmarianerna|Kepualuan Mariana Utara|Νήσοι Βόρειες Μαριάνες|美属北马里亚纳群岛|北マリアナ諸島|북마리아나 제도
MQ MTQ Martinique|Martinica|Martynika|Мартиника|Μαρτινίκα|马提尼克岛|マルティニーク島|말티니크
MR MRT Mauritania|Mauretanien|Mauritanie|Mauretania|Мавритания|Μαυριτανία|毛里塔尼亚|モーリタニア|모리타니
MS MSR Montserrat|Монтсерат|Μονσεράτ|蒙特塞拉群岛|モントセラト島|몬트세라트
MT MLT Malta|Malte|Мальта|Μάλτα|马耳他|マルタ|몰타
MU MUS Mauritius|Maurice|Mauricio|Maurizio|Maurici|Маврикий|Μαυρίκιος|毛里求斯|モーリシャス|모리셔스
MV MDV Maldives|Maldiven|Maldivas|Maldive|Maldiverna|Μαλδίβες|马尔代夫|モルディブ|몰디브
MW MWI Malawi|Malaui|Μαλάουι|马拉维|マラウイ|말라위
MX MEX Mexico|Méjico|Mexiko|Mexique|Messico|Meksyk|Mèxic|Мексика|Μεξικό|墨西哥|メキシコ|멕시코
MY MYS Malaysia|Malaisie|Malasia|Maleisië|Malezja|Malàisia|Малайзия|Μαλαισία|马来西亚|マレーシア|말레이지아
MZ MOZ Mozambique|Mosambik|Mozambico|Moçambique|Mozambik|Moçambic|Мозамбик|Μοζαμβίκη|莫桑比克|モザンビーク|모잠비크
NA NAM Namibia|Namibie|Намибия|Ναμίμπια|纳米比亚|ナミビア|나미비아
NC NCL New Caledonia|Neukaledonien|Nouvelle-Calédonie|Nueva Caledonia|Nuova Caledonia|Nova Caledônia|Nieuw-Caledonië|Nowa Kaledonia|Nya Kaledonien|Kaledonia Baru|Новая Каледония|Νέα Καληδονία|新克里多尼亚群岛|ニューカレドニア|뉴 칼레도니아
NE NER Niger|Нигер|Νίγηρ|尼日尔|ニジェール|니제르
NF NFK Norfolk Island|Norfolk-Insel|Île Norfolk|Isla Norfolk|Isola Norfolk|Ilha Norfolk|Norfolkeiland|Norfolkön|Kepulauan Norfolk|Νήσος Νόρφολκ|诺福克岛|ノーフォーク島|노퍽 섬
NG NGA Nigeria|Нигерия|Νιγηρία|尼日利亚|ナイジェリア|나이지리아
NI NIC Nicaragua|Nikaragua|Никарагуа|Νικαράγουα|尼加拉瓜|ニカラグア|니카라과
NL NLD Netherlands|Holland|The Netherlands|Hollande|Holanda|Olanda|Niederlande|Pays-Bas|Paesi Bassi|Nederland|Holandia|Nederländerna|Alankomaat|Països Baixos|Нидерланды|Ολλανδία|荷兰|オランダ|네덜란드
NO NOR Norway|Norge|Noreg|Norwegen|Norvège|Noruega|Norvegia|Noorwegen|Norwegia|Norja|Норвегия|Νορβηγία|挪威|ノルウェー|노르웨이
NP NPL Nepal|Непал|Νεπάλ|尼泊尔|ネパール|네팔
NR NRU Nauru|Ναούρου|瑙鲁|ナウル|나우루
NU NIU Niue|Нию|Νιούε|纽埃岛|ニウエ島|니우에
NZ NZL New Zealand|Aotearoa|Neuseeland|Nouvelle-Zélande|Nueva Zelanda|Nuova Zelanda|Nova Zelândia|Nieuw-Zeeland|Nowa Zelandia|Nya Zeeland|Nova Zelanda|Selandia Baru|Новая Зеландия|Νέα Ζηλανδία|新西兰|ニュージーランド|뉴질랜드
OM OMN Oman|Omã|Оман|Ομάν|سلطنة عمان|阿曼|オマーン|오만
PA PAN Panama|Панама|Παναμάς|巴拿马|パナマ|파나마
PE PER Peru|Pérou|Перу|Περού|秘鲁|ペルー|페루
PF PYF French Polynesia|Französisch-Polynesien|Polynésie Française|Polinesia Francesa|Polinesia Francese|Frans-Polynesië|Polinezja Francuska|Franska Polynesien|Polynesia Perancis|Французская Полинезия|Γαλλική Πολυνησία|法属玻利尼西亚|仏領ポリネシア|프랑스령 폴리네시아
PG PNG Papua New Guinea|Papua-Neuguinea|Papouasie-Nouvelle-Guinée|Papua Nuova Guinea|Papua-Nova Guiné|Papoea-Nieuw-Guinea|Papua Nowa Gwinea|Papua Nya Guinea|Papua Nova Guinea|Papua Nugini|Папуа - Новая Гвинея|Παπούα - Νέα Γουινέα|巴布亚新几内亚|パプアニューギニア|파푸아뉴기니
PH PHL Philippines|The Philippines|Pilipinas|Philippinen|Filipinas|Filippine|Filipijnen|Filipiny|Filippinerna|Filipines|Filipina|Филиппины|Φιλιππίνες|菲律宾|フィリピン|필리핀
PK PAK Pakistan|Paquistán|Paquistão|Пакистан|Πακιστάν|巴基斯坦|パキスタン|파키스탄
PL POL Poland|Polska|Polsko|Republic of Poland|Polen|Pologne|Polonia|Puola|Polandia|Польша|Πολωνία|波兰|ポーランド|폴란드
PM SPM Saint Pierre And Miquelon|St. Pierre und Miquelon|Saint-Pierre-et-Miquelon|San Pedro y Miquelón|Saint Pierre e Miquelon|Saint Pierre en Miquelon|Saint Pierre och Miquelon|Saint Pierre dan Miquelon|Σαιντ Πιέρ και Μικελόν|圣皮埃尔和密克隆群岛|サンピエール島・ミクロン島|세인트 피에르 미켈론
PR PRI Puerto Rico|Porto Rico|Portoryko|Puerto Riko|Пуэрто-Рико|Πουέρτο Ρίκο|波多黎哥|プエルトリコ|푸에르토리코
PS PSE Palestine|Palestine, State of|Palästina|Palestina|Territórios palestinos|Palestijns Gebied|Otoritas Palestina|Παλαιστινιακά Εδάφη|巴勒斯坦|パレスチナ|팔레스타인
PT PRT Portugal|Portogallo|Portugalia|Portugali|Portugis|Португалия|Πορτογαλία|葡萄牙|ポルトガル|포르투칼
PW PLW Palau|Belau|Palaos|Παλάου|帕劳|パラオ|팔라우
PY PRY Paraguay|Paraguai|Paragwaj|Парагвай|Παραγουάη|巴拉圭|パラグアイ|파라과이
QA QAT Qatar|Katar|Catar|Катар|Κατάρ|قطر|卡塔尔|カタール|카타르
RE REU Reunion|La Réunion|Reunião|Ρεϋνιόν|留尼汪岛|レユニオン|리유니언
RO ROU Romania|Rumänien|Roumanie|Rumania|Romênia|Roemenië|Rumunia|Румыния|Ρουμανία|罗马尼亚|ルーマニア|루마니아
RS SRB Serbia|Serbien|Serbie|Sérvia|Servië|塞尔维亚|セルビア|세르비아
RU RUS Russia|Russian Federation|Russische Föderation|РФ|Russland|Russie|Rusia|Rusland|Rosja|Ryssland|Venäjä|Россия|Ρωσία|俄罗斯|ロシア|러시아
RW RWA Rwanda|Ruanda|Руанда|Ρουάντα|卢旺达|ルワンダ|르완다
SA SAU Saudi Arabia|KSA|Kingdom of Saudi Arabia|Saudi-Arabien|Arabie Saoudite|Arabia Saudita|Saoedi-Arabië|Arabia Saudyjska|Aràbia Saudí|Arab Saudi|Саудовская Аравия|Σαουδική Αραβία|السعودية|沙特阿拉伯|サウジアラビア|사우디아라비아
SB SLB Solomon Islands|Solomon-Inseln|Îles Salomon|Islas Salomón|Isole Solomon|Ilhas Salomão|Salomonseilanden|Salomonöarna|Kepulauan Solomon|Νήσοι Σολομώντος|所罗门群岛|ソロモン諸島|솔로몬 제도
SC SYC Seychelles|Seychellen|Seszele|Seychellerna|Сейшельские Острова|Σεϋχέλλες|塞舌尔群岛|セイシェル|쉐이쉘
SD SDN Sudan|Soudan|Sudão|Soedan|Судан|Σουδάν|السودان|苏丹|スーダン|수단
SE SWE Sweden|Sverige|Schweden|Suède|Suecia|Svezia|Zweden|Szwecja|Ruotsi|Швеция|Σουηδία|瑞典|スウェーデン|스웨덴
SG SGP Singapore|Singapur|Singapour|Cingapura|Singapura|Сингапур|Σιγκαπούρη|新加坡|シンガポール|싱가포르
SH SHN Saint Helena|St. Helena|Sainte-Hélène|Santa Helena|Sant'Elena|Sint-Helena|Αγία Ελένη|圣赫勒拿岛|セントヘレナ島|세인트 헬레나
SI SVN Slovenia|Slowenien|Slovénie|Eslovenia|Słowenia|Slovenien|Словения|Σλοβενία|斯洛文尼亚|スロベニア|슬로베니아|Slovenija
SJ SJM Svalbard And Jan Mayen|Svalbard und Jan Mayen|Svalbard et Jan Mayen|Svalbard y Jan Mayen|Svalbard e Jan Mayen|Svalbard en Jan Mayen|Svalbard och Jan Mayen|Svalbard dan Jan Mayen|Νήσοι Σβάλμπαρ και Γιαν Μαγιέν|斯瓦尔巴特和扬马延岛|スバールバル諸島・ヤンマイエン島|스발바르 및 얀마웬
SK SVK Slovakia|Slowakei|Slovaquie|Eslovaquia|Slovacchia|Slowakije|Słowacja|Slovakien|Словакия|Σλοβακία|斯洛伐克|スロバキア|슬로바키아|Slovenská republika
SL SLE Sierra Leone|Sierra Leona|Serra Leoa|Сьерра-Леоне|Σιέρα Λεόνε|塞拉里昂|シエラレオネ|시에라리온
SM SMR San Marino|Saint-Marin|Άγιος Μαρίνος|圣马力诺|サンマリノ|산마리노
SN SEN Senegal|Сенегал|Σενεγάλη|塞内加尔|セネガル|세네갈
SO SOM Somalia|Somalie|Сомали|Σομαλία|索马里|ソマリア|소말리아
SR SUR Suriname|Surinam|Суринам|Σουρινάμ|苏里南|スリナム|수리남
SS SSD South Sudan|Südsudan|Sud-Soudan|Sudán del Sur|Sudan del Sud|Sydsudan|南苏丹|南スーダン|남수단
ST STP Sao Tome And Principe|Sao Tome und Principe|Sao Tomé et Principe|Santo Tomé y Príncipe|São Tomé e Principe|Sao Tomé en Principe|São Tomé och Príncipe|Sao Tome dan Principe|Σάο Τομέ και Πρίνσιπε|圣多美和普林西比|サントメ・プリンシペ|상투메 프린시페
SV SLV El Salvador|Salwador|Сальвадор|Ελ Σαλβαδόρ|萨尔瓦多|エルサルバドル|엘살바도르
SX SXM Sint Maarten (Dutch part)|Sint Maarten|Sint Maarten (Niederländischer Teil)|Saint-Martin (partie néerlandaise)|San Martín (región holandesa)|Sint Maarten (parte olandese)|Sint Maarten (nederländska delen)|荷属圣马丁岛|シントマールテン(オランダ領)|신트마르텐(네덜란드령)
SY SYR Syria|Syrian Arab Republic|Syrien|Syrie|Siria|Сирия|Συρία, Αραβική Δημοκρατία της|سوريا|叙利亚|シリア|시리아
SZ SZW Swaziland|Eswatini|Swasiland|Suazilandia|Suazi|Swazilàndia|Свазиленд|Σουαζιλάνδη|斯威士兰|スワジランド|스와질랜드
TC TCA Turks And Caicos Islands|Turks- und Caicos-Inseln|Îles Turks et Caicos|Islas Turcas y Caicos|Isole Turks e Caicos|Ilhas Turks e Caicos|Turks- en Caicoseilanden|Turks- och Caicosöarna|Νήσοι Τερκς και Κάικος|特克斯群岛和凯科斯群岛|タークス諸島・カイコス諸島|터크스 케이커스 제도
TD TCD Chad|Tschad|Tchad|Ciad|Chade|Tsjaad|Czad|Txad|Чад|Τσαντ|乍得|チャド|차드
TG TGO Togo|Того|Τόγκο|多哥|トーゴ|토고
TH THA Thailand|Thaïlande|Tailandia|Thailandia|Tajlandia|Таиланд|Ταϊλάνδη|泰国|タイ|태국|ประเทศไทย
TJ TJK Tajikistan|Tadschikistan|Tadjikistan|Tayikistán|Tagikistan|Tadjiquistão|Tadzjikistan|Tadżykistan|Таджикистан|Τατζικιστάν|塔吉克斯坦|タジキスタン|타지키스탄
TK TKL Tokelau|Токелау|Τοκελάου|联合群岛|トケラウ諸島|토켈라우
TL TLS Timor-Leste|Timor Oriental|Oost-Timor|Ανατολικό Τιμόρ|东帝汶|東ティモール|동티모르
TM TKM Turkmenistan|Turcomenistão|Туркменистан|Τουρκμενιστάν|土库曼斯坦|トルクメニスタン|투르크메니스탄
TN TUN Tunisia|Tunesien|Tunisie|Túnez|Tunesië|Tunezja|Tunisien|Тунис|Τυνησία|تونس|突尼斯|チュニジア|튀니지
TO TON Tonga|Тонга|Τόνγκα|汤加|トンガ|통가
TR TUR Turkey|Türkiye|Turkei|Turquie|Turquía|Turchia|Turkije|Turcja|Turkiet|Turkki|Турция|Τουρκία|土耳其|トルコ|터키
TT TTO Trinidad and Tobago|Trinidad & Tobago|Trinidad|Trinidad und Tobago|Trinité-et-Tobago|Trinidad y Tobago|Trinidad e Tobago|Trinidad en Tobago|Trynidad i Tobago|Trinidad och Tobago|Trinitat i Tobago|Trinidad dan Tobago|Тринидад и Тобаго|Τρινιδάδ και Τομπάγκο|特立尼达和多巴哥|トリニダード・トバゴ|트리니다드 토바고
TV TUV Tuvalu|Τουβαλού|图瓦卢|ツバル|투발루
TW TWN Taiwan|Taiwan, Province of China|Taiwan, ROC|Chinese Taipei|台灣|Tajwan|Тайвань|Ταϊβάν|台湾地区|台湾|대만
TZ TZA Tanzania|United Republic of Tanzania|Tanzania, United Republic of|Tansania|Tanzanie|Танзания|Τανζανία|坦桑尼亚|タンザニア|탄자니아
UA UKR Ukraine|Україна|Украина|Ucrania|Ucraina|Oekraïne|Ukraina|Ουκρανία|乌克兰|ウクライナ|우크라이나
UG UGA Uganda|Ouganda|Oeganda|Уганда|Ουγκάντα|乌干达|ウガンダ|우간다
US USA United States|Vereinigte Staaten|United States of America|U.S. of America|America|Amerika|États-Unis d'Amérique|EE. UU.|EUA|Amerikas forenta stater|Stany Zjednoczone|Spojené státy|Egyesült Államok|ABD|Amerika Birleşik Devletleri|Statele Unite|Соединённые Штаты Америки|США|VS|Vereinigte Staaten von Amerika|Etats-Unis|Estados Unidos|Stati Uniti|Verenigde Staten|Stany Zjednoczone Ameryki|Yhdysvallat|Estats Units|Amerika Serikat|Соединенные Штаты|Ηνωμένες Πολιτείες|美国|アメリカ合衆国|미국
UY URY Uruguay|Uruguai|Urugwaj|Уругвай|Ουρουγουάη|乌拉圭|ウルグアイ|우루과이
UZ UZB Uzbekistan|Usbekistan|Ouzbékistan|Uzbequistão|Oezbekistan|Узбекистан|Ουζμπεκιστάν|乌兹别克斯坦|ウズベキスタン|우즈베키스탄
VA VAT Vatican|Holy See|Vatican City|Vatikanstadt|Ciudad del Vaticano|Città del Vaticano|Vaticano|Vaticaanstad|Watykan|Vatikanen|Vaticà|Vatikan|Ватикан|Αγία Έδρα (Βατικανό)|梵蒂冈|バチカン|바티칸
VC VCT Saint Vincent And The Grenadines|St. Vincent and the Grenadines|St. Vincent und die Grenadinen|Saint-Vincent-et-les Grenadines|San Vicente y las Granadinas|Saint Vincent e Grenadine|São Vicente e Granadinas|Saint Vincent en de Grenadines|Saint Vincent och Grenadinerna|Saint Vincent dan Grenadines|Άγιος Βικέντιος και Γρεναδίνες|圣文森特和格林纳丁斯|セントビンセントおよびグレナディーン諸島|세인트 빈센트 그레나딘스
VE VEN Venezuela|Venezuela, Bolivarian Republic of|Wenezuela|Veneçuela|Венесуэла|Βενεζουέλα|委内瑞拉|ベネズエラ|베네수엘라
VG VGB British Virgin Islands|Britische Jungferninseln|Iles Vierges Britanniques|Islas Vírgenes Británicas|Isole Vergini (GB)|Ilhas Virgens Britânicas|Britse Maagdeneilanden|Dziewicze Wyspy Brytyjskie|Brittiska Virgin Islands|Illes Verges Britàniques|Kepulauan British Virgin|Британские Виргинские острова|Βρετανικές Παρθένοι Νήσοι|英属维京群岛|英領バージン諸島|영국령 버진 아일랜드
VI VIR U.S. Virgin Islands|Amerikanische Jungferninseln|Iles Vierges Américaines|Islas Vírgenes Americanas|Isole Vergini (USA)|Ilhas Virgens dos EUA|Amerikaanse Maagdeneilanden|Dziewicze Wyspy Stanów Zjednoczonych|Amerikanska Virgin Islands|Illes Verges dels USA|Kepulauan U.S. Virgin|Виргинские острова Соединенных Штатов|Αμερικανικές Παρθένοι Νήσοι|美属维京群岛|米領バージン諸島|미국령 버진 아일랜드
VN VNM Vietnam|Vietnã|Wietnam|Вьетнам|Βιετνάμ|越南|ベトナム|베트남
VU VTU Vanuatu|Вануату|Βανουάτου|瓦努阿图|バヌアツ|바누아투
WF WLF Wallis And Futuna|Wallis und Futuna|Wallis-et-Futuna|Wallis y Futuna|Wallis e Futuna|Wallis en Futuna|Wallis och Futuna|Wallis dan Futuna|Νήσοι Ουαλλίς και Φουτουνά|瓦利斯群岛和富图纳群岛|ワリス・フテュナ諸島|윌리스 푸투나
WS WSM Samoa|Σαμόα|*zh|西サモア|사모아
XK XKK Kosovo
YE YEM Yemen|Jemen|Iêmen|Yaman|Йемен|Υεμένη|اليمن|也门|イエメン|예멘
YT MYT Mayotte|Mayotta|Майотте|Μαγιότ|马约特岛|マヨット島|마요티
ZA ZAF South Africa|RSA|Republic of South Africa|Südafrika|Afrique du Sud|Sudáfrica|África do Sul|Zuid-Afrika|Republika Południowej Afryki|Sydafrika|Afrika Selatan|Южная Африка|Νότια Αφρική|南非|南アフリカ|남아프리카
ZM ZMB Zambia|Sambia|Zambie|Замбия|Ζάμπια|赞比亚|ザンビア|잠비아
ZW ZWE Zimbabwe|Simbabwe|Zimbabue|Зимбабве|Ζιμπάμπουε|津巴布韦|ジンバブエ|짐바브웨
"""

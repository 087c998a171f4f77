"""The words of the rehearsal world. Invented people and companies are made of them, so nothing here is about anyone."""

NAMES = (
    "Ana Ben Carl Dora Eli Fay Gus Hana Ian Jo Kai Lea Max Nia Omar Pia Quin Rosa Sam Tia Uma Vic Wes Xena Yan Zoe"
).split()
SURNAMES = "Bell Cole Dunn Frost Gray Hale Kerr Lang Moss Nash Pike Reed Shaw Todd Vale Ward".split()
THINGS = "apples books coins cards shells stamps pens cups seeds stones beads cakes eggs toys boxes nails".split()
CONTAINERS = "bags jars crates trays shelves baskets".split()
COMPANY_FIRST = (
    "Amber Birch Cedar Delta Ember Falcon Granite Harbor Ivory Jade Lunar Maple North Opal Quartz River".split()
)
COMPANY_LAST = "Works Foods Motors Labs Mills Tools Lines Glass".split()
PRODUCTS = "lamps ropes tents bricks clocks kites boats drums combs ovens tiles scarves".split()
CITIES = "Torvale Minster Oakport Redford Stonely Wexham Lindow Harwick Elmsea Norby Pellton Ashgate".split()
OBJECTS = "bike radio fence clock chair boat kite table drum lamp tent cart piano camera window ladder".split()
WORDS = sorted(
    set(
        (
            "a the of and to in is was that for on with as at by from up out over then now new old big small red blue "
            "green day week month Monday Tuesday Friday first second third last next friend cents costs each pays "
            "change comes back put together size pile points winner lead drives hours per hour walks long whole trip "
            "film minutes many much how what where which who when starts collects hands count makes founded based "
            "works lives year older needs feels wants before after because so pressed lamp on off taller shorter than "
            "number row list reverse order text line note road hill room door box light dark cold warm fast slow open "
            "close left right more less half pair group team game song play read write look find take give make keep "
            "hold turn walk run jump sit stand wait stop go come see hear say tell ask think know need want like help "
            "call show send bring leave enter reach follow move begin"
        ).split()
    )
    | set(NAMES)
    | set(SURNAMES)
    | set(THINGS)
    | set(CONTAINERS)
    | set(COMPANY_FIRST)
    | set(COMPANY_LAST)
    | set(PRODUCTS)
    | set(CITIES)
    | set(OBJECTS)
)

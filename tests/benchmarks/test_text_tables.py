"""Tables line up."""

from benchmarks.text_tables import table


def test_columns_line_up_and_numbers_stand_right():
    shown = table(["tool", "F1", "pages/s"], [["auto", 0.95649, 1234.5], ["a longer name", None, 7]])
    assert shown.splitlines() == [
        "| tool          | F1    | pages/s |",
        "|---------------|------:|--------:|",
        "| auto          | 0.956 | 1,234.5 |",
        "| a longer name |     - |       7 |",
    ]


def test_a_table_without_rows_has_its_head():
    assert table(["a"], []) == "| a   |\n|-----|"

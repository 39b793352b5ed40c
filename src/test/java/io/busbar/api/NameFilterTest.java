package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NameFilterTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "name eq 'truck-1' | truck-1 | true",
        "name eq 'TRUCK-1' | truck-1 | true",
        "NAME EQ 'truck-1' | Truck-1 | true",
        "name eq 'truck'   | truck-1 | false",
        "name ne 'truck'   | truck-1 | true",
        "contains(name,'uck') | truck-1 | true",
        "contains( name , 'x' ) | truck-1 | false",
        "not contains(name,'x') | truck-1 | true",
        "contains(name,'a') or contains(name,'b') and contains(name,'c') | a | true",
        "(contains(name,'a') or contains(name,'b')) and contains(name,'c') | a | false",
        "not (name eq 'a' or name eq 'b') | c | true",
        "not not name eq 'a' | a | true",
        "name eq 'it''s' | it's | true",
      })
  void aFilterSaysWhichNames(String filter, String name, boolean expected) {
    assertThat(NameFilter.of(filter).test(name)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x",
        "name",
        "name eq",
        "name eq truck",
        "name gt 'a'",
        "name eq 'a' and",
        "(name eq 'a'",
        "name eq 'a')",
        "contains(name)",
        "contains('a',name)",
        "name eq 'a",
        "name eq 'a' name",
        "not",
        "properties.x eq 'a'",
        "%",
        "name eq 'a' & name eq 'b'"
      })
  void whatIsNoneIsRefusedWithItsPlace(String filter) {
    assertThatThrownBy(() -> NameFilter.of(filter))
        .isInstanceOfSatisfying(ApiError.class, e -> assertThat(e.status()).isEqualTo(400))
        .hasMessageStartingWith("$filter: column ");
  }

  @Test
  void itIsBounded() {
    assertThatThrownBy(() -> NameFilter.of("(".repeat(200) + "name eq 'a'" + ")".repeat(200)))
        .hasMessageContaining("nests more than");
    assertThatThrownBy(() -> NameFilter.of("name eq '" + "a".repeat(2_000) + "'"))
        .hasMessageContaining("characters");
  }
}

package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.Enrichment.Source;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnrichmentTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "${client.authenticationName} | AUTHENTICATION_NAME | ``",
        "${client.attributes.type} | ATTRIBUTE | type",
        "${mqtt.message.userProperties.trip} | USER_PROPERTY | trip",
        "${mqtt.message.userProperties['odd.key']} | USER_PROPERTY | odd.key",
        "${mqtt.message.userProperties['it\\'s']} | USER_PROPERTY | it's",
        "${mqtt.message.userProperties['a\\\\b']} | USER_PROPERTY | a\\b",
        "${mqtt.message.topicName} | TOPIC_NAME | ``",
        "${mqtt.message.responseTopic} | RESPONSE_TOPIC | ``",
        "${mqtt.message.correlationData} | CORRELATION_DATA | ``",
        "${mqtt.message.pfi} | PAYLOAD_FORMAT | ``"
      })
  void aVariableSaysWhereItsValueComesFrom(String value, Source source, String name) {
    Enrichment read = Enrichment.dynamic("key", value);
    assertThat(read).isEqualTo(new Enrichment("key", source, name));
    assertThat(Enrichment.dynamic("key", read.value())).isEqualTo(read);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hull",
        "${client.name}",
        "${client.attributes}",
        "${mqtt.message.userProperties}",
        "${mqtt.message.userProperties['']}",
        "${mqtt.message.userProperties['a'b']}",
        "${mqtt.message.userProperties[a]}",
        "${mqtt.message.topicName}x",
        "${}",
        "${mqtt.message.topicName"
      })
  void whatIsNoVariableIsRefused(String value) {
    assertThatThrownBy(() -> Enrichment.dynamic("key", value))
        .hasMessageContaining("allowed: ${client.authenticationName}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Key",
        "a-b",
        "abcdefghijklmnopqrstu",
        "azspx",
        "id",
        "data",
        "datacontenttype"
      })
  void aKeyIsANewAttribute(String key) {
    assertThatThrownBy(() -> new Enrichment(key, Source.FIXED, "x"))
        .hasMessageContaining("1 to 20 of a-z 0-9");
  }

  @Test
  void valuesAndNumbersAreBounded() {
    assertThatThrownBy(() -> new Enrichment("k", Source.FIXED, "x".repeat(129)))
        .hasMessageContaining("129 characters (allowed: 128)");
    List<Enrichment> many =
        IntStream.range(0, 21).mapToObj(i -> new Enrichment("k" + i, Source.FIXED, "")).toList();
    assertThatThrownBy(() -> new EventRouting(Optional.empty(), many, Optional.empty()))
        .hasMessageContaining("21 (allowed: up to 20)");
    assertThatThrownBy(
            () ->
                new EventRouting(
                    Optional.empty(), List.of(many.get(0), many.get(0)), Optional.empty()))
        .hasMessageContaining("'k0' is there twice");
  }
}

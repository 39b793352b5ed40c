package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TargetTest {
  @ParameterizedTest
  @CsvSource({
    "1884, mqtt://127.0.0.1:1884, false",
    "mqtt://127.0.0.1, mqtt://127.0.0.1:1883, false",
    "mqtts://127.0.0.1, mqtts://127.0.0.1:8883, true",
    "MQTTS://127.0.0.1:9, mqtts://127.0.0.1:9, true",
    "ws://127.0.0.1, ws://127.0.0.1:8083/mqtt, false",
    "wss://127.0.0.1:1/other, wss://127.0.0.1:1/other, true",
    "mqtts://127.1.2.3:8883, mqtts://127.1.2.3:8883, true",
  })
  void saysTransportHostPortAndPath(String text, String whole, boolean isSecure) {
    Target target = Target.parse(text);
    assertThat(target).hasToString(whole);
    assertThat(target.isSecure()).isEqualTo(isSecure);
    assertThat(Target.parse(whole)).hasToString(whole);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "0",
        "65536",
        "99999999999",
        "127.0.0.1",
        "127.0.0.1:1883",
        "http://127.0.0.1",
        "mqtt://",
        "mqtt://127.0.0.1:0",
        "mqtt://127.0.0.1:1883/path",
        "mqtt://user@127.0.0.1:1883",
        "mqtt://127.0.0.1:x",
        "mqtt://192.0.2.1:1883",
        "wss://0.0.0.0/mqtt"
      })
  void anythingElseIsRefused(String text) {
    assertThatThrownBy(() -> Target.parse(text))
        .isInstanceOf(LoadException.class)
        .hasMessageStartingWith("--target: " + text + " (allowed: ");
  }
}

package io.busbar.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RouteTest {
  private static Route route(String endpoint, int lanes) {
    return new Route("audit", List.of("#"), URI.create(endpoint), lanes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://h", "HTTPS://h:1/p?q=s", "http://[::1]:80/"})
  void endpoint_isAnUrlWithHost(String endpoint) {
    assertThat(route(endpoint, 1).endpoint()).isEqualTo(URI.create(endpoint));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "h/?s3cret",
        "/p?s3cret",
        "ftp://h/?s3cret",
        "http:///?s3cret",
        "http://a_b/?s3cret"
      })
  void otherEndpoints_areRefused_withoutRepeatingThem(String endpoint) {
    assertThatThrownBy(() -> route(endpoint, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("route audit: endpoint has scheme ")
        .hasMessageNotContaining("s3cret");
  }

  @Test
  void lanes_areAtLeastOne() {
    assertThatThrownBy(() -> route("http://h", 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("route audit: lanes: 0 (allowed: at least 1)");
  }
}

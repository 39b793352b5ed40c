package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.util.NetUtil;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NetworkTest {
  private static byte[] bytes(String address) {
    return NetUtil.createByteArrayFromIpAddressString(address);
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.0.0, 16, 10.1.255.255, true",
    "10.1.0.0, 16, 10.2.0.0, false",
    "10.1.2.3, 32, 10.1.2.3, true",
    "10.1.2.3, 32, 10.1.2.2, false",
    "0.0.0.0, 0, 203.0.113.9, true",
    "0.0.0.0, 0, 2001:db8::1, false",
    "10.1.2.128, 25, 10.1.2.129, true",
    "10.1.2.128, 25, 10.1.2.127, false",
    "2001:db8::, 32, 2001:db8:ffff::1, true",
    "2001:db8::, 32, 2001:db9::1, false",
    "::, 0, 10.1.2.3, false"
  })
  void aRangeHasTheAddressesThatBeginLikeIt(String address, int prefix, String other, boolean has) {
    Network network = new Network(true, List.of(new Network.Range(bytes(address), prefix)));
    assertThat(network.allows(bytes(other))).isEqualTo(has);
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, true",
    "10.255.0.1, true",
    "172.15.0.1, false",
    "172.16.0.1, true",
    "172.31.255.255, true",
    "172.32.0.1, false",
    "192.168.0.1, true",
    "169.254.1.1, true",
    "203.0.113.9, false",
    "::1, true",
    "::2, false",
    "fd00::1, true",
    "fe80::1, true",
    "2001:db8::1, false"
  })
  void withoutPublicAccessPrivateAddressesAreLeft(String address, boolean isAllowed) {
    assertThat(new Network(false, List.of()).allows(bytes(address))).isEqualTo(isAllowed);
    assertThat(Network.OPEN.allows(bytes(address))).isTrue();
  }

  @Test
  void privateAddressesHaveToBeInARangeToo() {
    Network network = new Network(false, List.of(new Network.Range(bytes("10.0.0.0"), 8)));
    assertThat(network.allows(bytes("10.1.1.1"))).isTrue();
    assertThat(network.allows(bytes("192.168.1.1"))).isFalse();
  }

  @Test
  void whatIsNoRangeIsRefused() {
    assertThatThrownBy(() -> new Network.Range(bytes("10.0.0.0"), 33))
        .hasMessageContaining("/33 (allowed: /0 to /32)");
    List<Network.Range> many = Collections.nCopies(17, new Network.Range(bytes("::"), 128));
    assertThatThrownBy(() -> new Network(true, many))
        .hasMessageContaining("17 (allowed: up to 16)");
  }
}

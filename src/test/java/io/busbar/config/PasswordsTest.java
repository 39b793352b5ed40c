package io.busbar.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.PasswordHash;
import io.busbar.policy.PolicyException;
import io.busbar.policy.Resource.Kind;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is kept of passwords. */
class PasswordsTest {
  /** Of the reference implementation's own tests: "password", salted with "somesalt". */
  private static final String REFERENCE =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void aHashOfAnotherImplementationIsUnderstood() {
    PasswordHash hash = PasswordHash.parse(REFERENCE);
    assertThat(hash.text()).isEqualTo(REFERENCE);
    assertThat(Passwords.matches(hash, bytes("password"))).isTrue();
    assertThat(Passwords.matches(hash, bytes("Password"))).isFalse();
    assertThat(Passwords.matches(hash, new byte[0])).isFalse();
  }

  @Test
  void aPasswordHasAnotherHashEachTime_andMatchesBoth() {
    byte[] password = {0, 1, (byte) 0xff, 'x'};
    PasswordHash one = Passwords.hash(password, new SecureRandom());
    PasswordHash other = PasswordHash.parse(Passwords.hash(password, new SecureRandom()).text());
    assertThat(one).isNotEqualTo(other);
    assertThat(Passwords.matches(one, password)).isTrue();
    assertThat(Passwords.matches(other, password)).isTrue();
    assertThat(Passwords.matches(Passwords.ofNobody(new SecureRandom()), password)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "secret",
        "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65537,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=8,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=999999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=99999999999999999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8A",
        "$argon2id$v=19$m=65536,t=6,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=5$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29t$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFh",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$A",
        "Hidden:0123456789abcdef",
      })
  void whatIsNoneOrWouldTakeTooMuchIsRefused_andNotRepeated(String text) {
    assertThatThrownBy(() -> PasswordHash.parse(text))
        .isInstanceOf(PolicyException.class)
        .hasMessageStartingWith("passwordHash: ")
        .hasMessageContaining("allowed: ")
        .satisfies(
            e -> {
              if (!text.isEmpty()) {
                assertThat(e.getMessage()).doesNotContain(text).doesNotContain("c29tZXNhbHQ");
              }
            });
  }

  @Test
  void aHashIsNotShown() {
    PasswordHash hash = PasswordHash.parse(REFERENCE);
    ResourceForm form = client("{\"passwordAuthentication\":{\"passwordHash\":\"%s\"}}");
    assertThat(hash.toString()).startsWith("Hidden:").hasSize(23);
    assertThat(form.toString()).contains(hash.hidden()).doesNotContain("CTFhFdXPJO1a");
    assertThat(ResourceForm.decode(Kind.CLIENT, form.encode())).isEqualTo(form);
  }

  @Test
  void aClientProvesByOneOfThem() {
    assertThatThrownBy(
            () ->
                client(
                    "{\"clientCertificateAuthentication\":{},\"passwordAuthentication\":{\"passwordHash\":\"%s\"}}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("passwordAuthentication: given besides");
    assertThatThrownBy(() -> client("{\"passwordAuthentication\":{}}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("passwordHash: missing");
  }

  private static ResourceForm client(String properties) {
    String body = "{\"properties\":" + properties.formatted(REFERENCE) + "}";
    return ResourceForm.parse(Kind.CLIENT, "sensor", bytes(body));
  }
}

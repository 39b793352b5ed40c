package io.busbar.policy;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.policy.Admission.Credential;
import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.TokenIssuer.Method;
import io.busbar.policy.TokenIssuer.Published;
import io.busbar.testing.TestTokens;
import java.security.PublicKey;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who is connected by a token, when the keys of its issuer change. */
class PublishedKeysTest {
  private static final PublicKey KEY = TestTokens.curve("a").certificate().getPublicKey();
  private static final PublicKey OTHER = TestTokens.curve("b").certificate().getPublicKey();
  private static final Published PLACE = Published.keys("https://tokens.example.com/keys");

  private final Policy policy = new Policy();
  private Admission.Granted connected;

  @BeforeEach
  void connect() {
    TokenIssuer issuer =
        new TokenIssuer(Method.CUSTOM_JWT, "plant", List.of(), List.of(), Optional.of(PLACE));
    policy.put(
        new NamespaceSettings(
            "plant",
            List.of(),
            0,
            List.of(issuer),
            Optional.empty(),
            EventRouting.NONE,
            Network.OPEN));
    Client client =
        new Client(
            "claimed",
            "truck",
            true,
            ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
            List.of(),
            Map.of());
    Credential token = new Credential.Token(Method.CUSTOM_JWT, KEY, Set.of());
    connected = (Admission.Granted) policy.identified(client, token, Instant.MAX);
  }

  private boolean stays() {
    return policy.again(connected) instanceof Admission.Granted;
  }

  private boolean are(PublicKey... keys) {
    List<TokenKey> all = List.of(keys).stream().map(key -> TokenKey.of("any", key)).toList();
    return policy.published().are(PLACE, all);
  }

  @Test
  void whoHasATokenOfAKeyThatIsGoneGoes() {
    policy.published().asked(Set.of(PLACE));
    assertThat(stays()).as("as long as nobody has said what they are").isTrue();
    assertThat(are(KEY)).as("for the first time").isTrue();
    assertThat(stays()).isTrue();
    assertThat(are(OTHER, KEY)).as("one more").isFalse();
    assertThat(stays()).isTrue();
    assertThat(are(OTHER)).as("one less").isTrue();
    assertThat(stays()).isFalse();
  }

  @Test
  void whoseIssuerIsNotAskedGoes() {
    assertThat(stays()).isFalse();
    policy.published().asked(Set.of(PLACE));
    are(KEY);
    assertThat(stays()).isTrue();
    policy.published().asked(Set.of());
    assertThat(stays()).isFalse();
  }
}

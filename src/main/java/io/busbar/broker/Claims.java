package io.busbar.broker;

import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.Client.ValidationScheme;
import io.vertx.core.json.JsonArray;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What others than the registry say of a client, as JSON has it. */
final class Claims {
  /** Seconds since 1970 that are no mistake: until the year 5138. */
  private static final double MAX_SECONDS = 1e11;

  private Claims() {}

  /**
   * A client that the registry does not have.
   *
   * @throws io.busbar.policy.PolicyException if a value breaks a rule
   */
  static Client client(String authenticationName, Map<String, Attribute> attributes) {
    return new Client(
        "claimed",
        authenticationName,
        true,
        ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
        List.of(),
        attributes);
  }

  /** A value as an attribute: 32-bit whole numbers, texts, lists of texts; others are none. */
  static Optional<Attribute> attribute(Object value) {
    if (value instanceof String text) {
      return Optional.of(new Attribute.Text(text));
    } else if (value instanceof Integer number) {
      return Optional.of(new Attribute.Whole(number));
    } else if (value instanceof JsonArray list) {
      List<String> texts = new ArrayList<>();
      for (Object one : list) {
        if (!(one instanceof String text)) {
          return Optional.empty();
        }
        texts.add(text);
      }
      return Optional.of(new Attribute.Texts(texts));
    }
    return Optional.empty();
  }

  /** A number of seconds since 1970, with a fraction or without. */
  static Optional<Instant> time(Object value) {
    if (value instanceof Number number) {
      double seconds = number.doubleValue();
      if (seconds >= 0 && seconds < MAX_SECONDS) {
        return Optional.of(Instant.ofEpochMilli((long) (seconds * 1_000)));
      }
    }
    return Optional.empty();
  }
}

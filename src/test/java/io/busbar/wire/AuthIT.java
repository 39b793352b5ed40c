package io.busbar.wire;

import io.busbar.broker.AuthenticationMethod;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Permit;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.vertx.core.Future;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Enhanced authentication and what the server announces, on a node that offers two methods. */
class AuthIT {
  /** Asks for a number and wants to hear it backwards. */
  private static final class Backwards implements AuthenticationMethod {
    @Override
    public String name() {
      return "BACKWARDS";
    }

    @Override
    public Exchange begin(Attempt attempt) {
      return new Exchange() {
        private String asked;

        @Override
        public Future<Step> next(byte[] data) {
          if (asked == null) {
            asked = "123";
            return Future.succeededFuture(new Step.Challenge(RawClient.utf8(asked)));
          }
          boolean right = data != null && text(data).equals("321");
          Permit permit = Permit.all(attempt.clientId());
          return Future.succeededFuture(
              right
                  ? new Step.Granted(permit, RawClient.utf8("welcome"))
                  : new Step.Refused(ReasonCode.NOT_AUTHORIZED, "not backwards"));
        }
      };
    }
  }

  /** A word that says what happens. */
  private static final class Word implements AuthenticationMethod {
    @Override
    public String name() {
      return "WORD";
    }

    @Override
    public Exchange begin(Attempt attempt) {
      return data -> {
        Permit all = Permit.all(attempt.clientId());
        return switch (data == null ? "" : text(data)) {
          case "open" -> Future.succeededFuture(new Step.Granted(all, null));
          case "narrow" -> Future.succeededFuture(new Step.Granted(narrow(all), null));
          case "other" -> Future.succeededFuture(new Step.Granted(Permit.all("other"), null));
          case "throw" -> throw new IllegalStateException("a defect of the method");
          case "down" -> Future.failedFuture("its authority does not answer");
          default ->
              Future.succeededFuture(new Step.Refused(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "no"));
        };
      };
    }

    private static Permit narrow(Permit all) {
      return new Permit() {
        @Override
        public String authenticationName() {
          return all.authenticationName();
        }

        @Override
        public boolean mayPublish(byte[] topic, int offset, int length) {
          return false;
        }

        @Override
        public boolean maySubscribe(byte[] filter) {
          return text(filter).startsWith("kept");
        }

        @Override
        public Optional<String> whyNotPublish(String topic) {
          return Optional.of("narrow");
        }

        @Override
        public Optional<String> whyNotSubscribe(String filter) {
          return Optional.of("narrow");
        }
      };
    }
  }

  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
              () ->
                  new Settings(
                      "test",
                      Profile.OPEN,
                      TestNode.plaintext(),
                      new Settings.Address("127.0.0.1", 0),
                      Settings.Cluster.single(),
                      Optional.empty(),
                      true,
                      1,
                      new Limits(Profile.OPEN, Map.of()),
                      new Settings.Announced(
                          Optional.of("replies/${client.sessionName}/"),
                          Optional.of("other.example.com:8883"))))
          .offering(new Backwards(), new Word());

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static Stream<Case.Run> runs() {
    return Stream.of(AuthCases.TABLE).flatMap(List::stream).flatMap(one -> one.runs().stream());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void conforms(Case.Run run) throws Exception {
    run.of().body().run(new Case.Wire(NODE, run.version(), run.transport()));
  }
}

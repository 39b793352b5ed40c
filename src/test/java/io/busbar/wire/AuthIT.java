package io.busbar.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.broker.AuthenticationMethod;
import io.busbar.bus.Bus;
import io.busbar.config.Limit;
import io.busbar.config.Limits;
import io.busbar.config.Profile;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.policy.Permit;
import io.busbar.testing.RawClient;
import io.busbar.testing.TestNode;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  /** Tells that somebody waits for a method that never answers. */
  private static final Semaphore WAITING = new Semaphore(0);

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
          case "wait" -> {
            WAITING.release();
            yield Promise.<Step>promise().future();
          }
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
                      new Limits(Profile.OPEN, Map.of(Limit.CONNECT_TIMEOUT, 3L)),
                      new Settings.Announced(
                          Optional.of("replies/${client.sessionName}/"),
                          Optional.of("other.example.com:8883"),
                          true)))
          .offering(new Backwards(), new Word());

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoSentAWholeConnectGetsAnAnswerWhateverEndsIt(boolean isDisowned) throws Exception {
    PropertyWriter properties = new PropertyWriter();
    properties.string(Property.AUTHENTICATION_METHOD, "WORD");
    properties.binary(Property.AUTHENTICATION_DATA, RawClient.utf8("wait"));
    try (RawClient client = NODE.open(RawClient.Transport.TCP, MqttVersion.V5)) {
      client.send(client.connectPacket("waiting", 0, properties));
      if (isDisowned) {
        assertThat(WAITING.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
        NODE.vertx().eventBus().send(Bus.loop(0), new Bus.Disowned(), Bus.local());
      }
      assertThat(client.read(Packet.Connack.class).code())
          .isEqualTo(ReasonCode.SERVER_UNAVAILABLE.code());
      client.expectClose();
    }
  }

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

package io.busbar.wire;

import io.busbar.config.Profile;
import io.busbar.testing.TestNode;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The statements of MQTT 3.1.1 and 5.0 that concern what this server offers, each over TCP and
 * WebSocket, on a store on disk. Two event loops, so that messages cross from one to the other in
 * some.
 */
class ConformanceIT {
  @RegisterExtension
  static final TestNode NODE = TestNode.with(2, Profile.OPEN, Map.of()).durable();

  static Stream<Case.Run> runs() {
    return Stream.of(
            ConnectCases.TABLE,
            ConnectFieldCases.TABLE,
            EndCases.TABLE,
            SubscribeCases.TABLE,
            PublishCases.TABLE,
            AckCases.TABLE,
            AliasCases.TABLE,
            ExactlyOnceCases.TABLE,
            RetainCases.TABLE,
            WillCases.TABLE,
            SessionCases.TABLE,
            SharedCases.TABLE,
            StrictCases.TABLE,
            LegacyCases.TABLE,
            LegacySessionCases.TABLE,
            LegacyMessageCases.TABLE,
            LegacySubscribeCases.TABLE)
        .flatMap(List::stream)
        .flatMap(one -> one.runs().stream());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void conforms(Case.Run run) throws Exception {
    run.of().body().run(new Case.Wire(NODE, run.version(), run.transport()));
  }
}

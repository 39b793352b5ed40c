package io.busbar.wire;

import io.busbar.config.Profile;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The statements in which several clients or connections have a part, with three nodes, where each
 * is at another one.
 */
class ClusterConformanceIT {
  @RegisterExtension
  static final TestNode NODES = TestNode.with(1, Profile.OPEN, Map.of()).nodes(3);

  static Stream<Case.Run> runs() {
    return Stream.of(
            SubscribeCases.TABLE,
            PublishCases.TABLE,
            ExactlyOnceCases.TABLE,
            RetainCases.TABLE,
            WillCases.TABLE,
            SessionCases.TABLE,
            SharedCases.TABLE,
            LegacySessionCases.TABLE,
            LegacyMessageCases.TABLE,
            LegacySubscribeCases.TABLE)
        .flatMap(List::stream)
        .flatMap(one -> one.runs().stream())
        .filter(run -> run.transport() == Transport.TCP);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void conforms(Case.Run run) throws Exception {
    run.of().body().run(new Case.Wire(NODES, run.version(), run.transport()));
  }
}

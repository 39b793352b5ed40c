package io.busbar.wire;

import io.busbar.config.Profile;
import io.busbar.testing.TestNode;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same statements with three nodes, where each client of a conversation is at another one. */
class ClusterConformanceIT {
  @RegisterExtension
  static final TestNode NODES = TestNode.with(1, Profile.OPEN, Map.of()).nodes(3);

  static Stream<Case.Run> runs() {
    return ConformanceIT.runs();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void conforms(Case.Run run) throws Exception {
    run.of().body().run(new Case.Wire(NODES, run.version(), run.transport()));
  }
}

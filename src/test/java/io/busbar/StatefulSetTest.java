package io.busbar;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Settings;
import io.vertx.core.Vertx;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whether a pod that stops is to come back, as Kubernetes says it, or does not say it. */
@Timeout(30)
class StatefulSetTest {
  private static Vertx vertx;

  @TempDir private Path directory;
  private Kubernetes kubernetes;

  @BeforeAll
  static void open() {
    vertx = Vertx.vertx();
  }

  @AfterAll
  static void close() throws Exception {
    vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @BeforeEach
  void start() throws Exception {
    kubernetes = new Kubernetes(directory);
  }

  @AfterEach
  void stop() {
    kubernetes.close();
  }

  private boolean isForGood(Settings.StatefulSet set, String node) throws Exception {
    return new StatefulSet(vertx, set, node)
        .isForGood()
        .toCompletionStage()
        .toCompletableFuture()
        .get(10, TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "busbar-2 | {'spec': {'replicas': 3}} | false",
        "busbar-3 | {'spec': {'replicas': 3}} | true",
        "busbar-0 | {'spec': {}} | false",
        "busbar-1 | {'spec': {}} | true",
        // put to rest, or made anew: disks are kept
        "busbar-0 | {'spec': {'replicas': 0}} | false",
        "busbar-3 | {'metadata': {'deletionTimestamp': '2026-01-01T00:00:00Z'}, 'spec': {'replicas': 3}} | false",
        // of ordinals that begin elsewhere
        "busbar-4 | {'spec': {'replicas': 3, 'ordinals': {'start': 5}}} | true",
        "busbar-5 | {'spec': {'replicas': 3, 'ordinals': {'start': 5}}} | false",
        "busbar-7 | {'spec': {'replicas': 3, 'ordinals': {'start': 5}}} | false",
        "busbar-8 | {'spec': {'replicas': 3, 'ordinals': {'start': 5}}} | true",
      })
  void byItsOrdinal(String node, String answer, boolean isForGood) throws Exception {
    kubernetes.answers(200, answer);
    assertThat(isForGood(kubernetes.set("busbar"), node)).isEqualTo(isForGood);
    assertThat(kubernetes.asked)
        .containsExactly("GET /apis/apps/v1/namespaces/plant/statefulsets/busbar");
  }

  @ParameterizedTest
  @ValueSource(ints = {401, 403, 404})
  void whoMayNotAskComesBack(int status) throws Exception {
    kubernetes.answers(status, "{}");
    assertThat(isForGood(kubernetes.set("busbar"), "busbar-3")).isFalse();
    assertThat(kubernetes.asked).hasSize(1);
  }

  @Test
  void isAskedAgain() throws Exception {
    kubernetes.answers(200, "{'spec': {'replicas': 3}}");
    kubernetes.answersFirst(500);
    assertThat(isForGood(kubernetes.set("busbar"), "busbar-3")).isTrue();
    assertThat(kubernetes.asked).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({"500, {}", "0, ''", "200, <html>", "200, '[]'", "200, \"{'spec': 1}\""})
  void withoutAnAnswerItComesBack_andStopsInTime(int status, String body) throws Exception {
    kubernetes.answers(status, body);
    long began = System.nanoTime();
    assertThat(isForGood(kubernetes.set("busbar"), "busbar-3")).isFalse();
    assertThat(System.nanoTime() - began).isLessThan(TimeUnit.SECONDS.toNanos(9));
    assertThat(kubernetes.asked).isNotEmpty();
  }

  @Test
  void whoShowsAnotherCertificateIsToldNothing() throws Exception {
    kubernetes.answers(200, "{'spec': {'replicas': 1}}");
    try (Kubernetes other = new Kubernetes(directory.resolve("other"))) {
      Settings.StatefulSet set =
          new Settings.StatefulSet(
              "busbar", kubernetes.set("busbar").server(), other.set("busbar").account());
      assertThat(isForGood(set, "busbar-3")).isFalse();
    }
    assertThat(kubernetes.asked).isEmpty();
  }

  @Test
  void withoutAnAccountItComesBack() throws Exception {
    kubernetes.answers(200, "{'spec': {'replicas': 1}}");
    Settings.StatefulSet set = kubernetes.set("busbar");
    kubernetes.forgetToken();
    assertThat(isForGood(set, "busbar-3")).isFalse();
    Files.delete(set.account().resolve("token"));
    assertThat(isForGood(set, "busbar-3")).isFalse();
    assertThat(kubernetes.asked).hasSize(1);
    Settings.StatefulSet nobody =
        new Settings.StatefulSet("busbar", URI.create("https://localhost:1"), set.account());
    assertThat(isForGood(nobody, "busbar-3")).isFalse();
  }
}

package io.busbar.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.config.Profile;
import io.busbar.testing.NpmScript;
import io.busbar.testing.TestNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Events on a node for trials: over HTTP, where any key will do. */
@Timeout(120)
class InsecureEventsIT {
  @TempDir static Path home;

  @RegisterExtension
  static final TestNode NODE = TestNode.with(1, Profile.OPEN, Map.of()).durable();

  private static void put(String path, String properties) throws Exception {
    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(URI.create(url() + path))
                    .PUT(
                        HttpRequest.BodyPublishers.ofString("{\"properties\": " + properties + "}"))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
  }

  private static String url() {
    return "http://127.0.0.1:" + NODE.httpPort();
  }

  @Test
  void theOfficialSdkSendsAndReceivesOverHttp() throws Exception {
    put("/namespaces/trials", "{}");
    put("/namespaces/trials/topics/orders", "{}");
    put(
        "/namespaces/trials/topics/orders/eventSubscriptions/all",
        "{\"deliveryConfiguration\": {\"deliveryMode\": \"Queue\"}}");
    NpmScript.run(
        Files.createFile(home.resolve("nobody.pem")),
        "events.mjs",
        List.of("@azure/eventgrid-namespaces@1", "@azure/core-auth@1"),
        List.of(url(), "any", "orders", "all"));
  }
}

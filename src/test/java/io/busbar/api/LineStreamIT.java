package io.busbar.api;

import static io.busbar.testing.ApiClient.await;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.Await;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Answers that go on, and readers who do not. */
@Timeout(60)
class LineStreamIT {
  private final Vertx vertx = Vertx.vertx();
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger over = new AtomicInteger();

  @AfterEach
  void close() throws Exception {
    await(vertx.close());
  }

  private Socket reader(String lines, long mostFull) throws Exception {
    HttpServer server =
        await(
            vertx
                .createHttpServer()
                .requestHandler(
                    request ->
                        new LineStream(
                                vertx,
                                request,
                                1,
                                mostFull,
                                () -> {
                                  asked.incrementAndGet();
                                  return Future.succeededFuture(lines);
                                },
                                over::incrementAndGet)
                            .begin("first\n"))
                .listen(0, "127.0.0.1"));
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.actualPort());
    socket.getOutputStream().write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".getBytes(US_ASCII));
    return socket;
  }

  @Test
  void whoGoesAwayIsForgotten_atOnce() throws Exception {
    try (Socket reader = reader("more\n", 60_000)) {
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(reader.getInputStream(), US_ASCII));
      String line = lines.readLine();
      assertThat(line).isEqualTo("HTTP/1.1 200 OK");
      while (!line.equals("more")) {
        line = lines.readLine();
      }
      assertThat(over).hasValue(0);
    }
    Await.until("it is over", () -> over.get() == 1, over::get);
  }

  @Test
  void whoDoesNotReadIsForgotten_andNothingGathers() throws Exception {
    try (Socket reader = reader("x".repeat(32 << 20) + "\n", 600)) {
      Await.until("it is over", () -> over.get() == 1, over::get);
      assertThat(asked.get()).as("what it has not read is not added to").isLessThan(4);
      assertThat(reader.isConnected()).isTrue();
    }
  }
}

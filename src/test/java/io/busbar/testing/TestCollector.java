package io.busbar.testing;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.Status.StatusCode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * A collector of OpenTelemetry's traces on loopback: takes OTLP over HTTP, and keeps of the spans
 * what tests want to know.
 */
public final class TestCollector implements AutoCloseable {
  private final HttpServer server;
  private final Queue<Span> spans = new ConcurrentLinkedQueue<>();
  private volatile int status = 200;

  /**
   * A span that came.
   *
   * @param parent id of the span that led to it, or empty
   * @param attributes whole numbers as texts, too
   * @param links the traces that it is linked to
   * @param error why it failed, or null
   */
  public record Span(
      String trace,
      String id,
      String parent,
      String name,
      Map<String, String> attributes,
      List<String> links,
      String error) {}

  /** Takes traces at any free port. */
  public TestCollector() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/v1/traces", this::take);
    server.start();
  }

  /** Where it is. */
  public String endpoint() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** What it answers from now on. */
  public void answer(int code) {
    status = code;
  }

  /** The spans of a name that have come so far. */
  public List<Span> spans(String name) {
    return spans.stream().filter(span -> span.name.equals(name)).toList();
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void take(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    if (status == 200) {
      ExportTraceServiceRequest.parseFrom(body).getResourceSpansList().stream()
          .flatMap(resource -> resource.getScopeSpansList().stream())
          .flatMap(scope -> scope.getSpansList().stream())
          .forEach(span -> spans.add(span(span)));
    }
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  private static Span span(io.opentelemetry.proto.trace.v1.Span span) {
    Map<String, String> attributes = new HashMap<>();
    for (KeyValue one : span.getAttributesList()) {
      AnyValue value = one.getValue();
      attributes.put(
          one.getKey(),
          value.hasIntValue() ? String.valueOf(value.getIntValue()) : value.getStringValue());
    }
    return new Span(
        hex(span.getTraceId()),
        hex(span.getSpanId()),
        hex(span.getParentSpanId()),
        span.getName(),
        attributes,
        span.getLinksList().stream().map(link -> hex(link.getTraceId())).toList(),
        span.getStatus().getCode() == StatusCode.STATUS_CODE_ERROR
            ? span.getStatus().getMessage()
            : null);
  }

  private static String hex(ByteString id) {
    return HexFormat.of().formatHex(id.toByteArray());
  }
}

package io.busbar.telemetry;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporterBuilder;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this node does for others, as spans of OpenTelemetry: a CONNECT until it is answered, a
 * message until its event is safe in the queues of a topic, a request that brings events to whom
 * they are pushed. Each belongs to the trace that the client began, where it says so (W3C Trace
 * Context in user properties), else to one of its own. Thread-safe; what is done here is bounded,
 * and what a collector does not take is counted and forgotten.
 */
public final class Spans implements AutoCloseable {
  /** None. */
  public static final Spans OFF = new Spans();

  private static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("messaging.system");
  private static final AttributeKey<String> OPERATION =
      AttributeKey.stringKey("messaging.operation.type");
  private static final AttributeKey<String> DESTINATION =
      AttributeKey.stringKey("messaging.destination.name");
  private static final AttributeKey<String> CLIENT = AttributeKey.stringKey("messaging.client.id");
  private static final AttributeKey<Long> BATCH =
      AttributeKey.longKey("messaging.batch.message_count");
  private static final AttributeKey<String> VERSION =
      AttributeKey.stringKey("network.protocol.version");
  private static final AttributeKey<String> ADDRESS = AttributeKey.stringKey("client.address");
  private static final AttributeKey<String> USER = AttributeKey.stringKey("enduser.id");
  private static final AttributeKey<String> PLACE = AttributeKey.stringKey("server.address");
  private static final AttributeKey<Long> STATUS =
      AttributeKey.longKey("http.response.status_code");

  /** OpenTelemetry's own log, which would say in its own form what is said here. */
  private static final java.util.logging.Logger THEIRS =
      java.util.logging.Logger.getLogger("io.opentelemetry");

  private static final Logger LOG = LoggerFactory.getLogger(Spans.class);

  private static final long TIMEOUT_SECONDS = 10;

  private final SdkTracerProvider provider;
  private final Tracer tracer;

  /**
   * Where something stands in a trace, as in headers and user properties of these names.
   *
   * @param traceparent null for nowhere
   * @param tracestate or null
   */
  public record Context(String traceparent, String tracestate) {
    /** Of no trace. */
    public static final Context NONE = new Context(null, null);

    private static final TextMapGetter<Context> GETTER =
        new TextMapGetter<>() {
          @Override
          public Iterable<String> keys(Context carrier) {
            return List.of("traceparent", "tracestate");
          }

          @Override
          public String get(Context carrier, String key) {
            return key.equals("traceparent") ? carrier.traceparent : carrier.tracestate;
          }
        };

    /** Where something stands, if that is well-formed; else nowhere. */
    public static Context of(String traceparent, String tracestate) {
      Context found = new Context(traceparent, tracestate);
      // what is malformed begins no trace and is handed on to nobody
      return traceparent != null && found.span().isValid() ? found : NONE;
    }

    /** What user properties say; the first of each name counts. */
    public static Context of(List<Map.Entry<String, String>> properties) {
      String parent = null;
      String state = null;
      for (Map.Entry<String, String> one : properties) {
        if (parent == null && one.getKey().equals("traceparent")) {
          parent = one.getValue();
        } else if (state == null && one.getKey().equals("tracestate")) {
          state = one.getValue();
        }
      }
      return of(parent, state);
    }

    private static Context of(SpanContext span) {
      Map<String, String> carrier = new HashMap<>();
      W3CTraceContextPropagator.getInstance()
          .inject(
              io.opentelemetry.context.Context.root()
                  .with(io.opentelemetry.api.trace.Span.wrap(span)),
              carrier,
              (to, key, value) -> to.put(key, value));
      return new Context(carrier.get("traceparent"), carrier.get("tracestate"));
    }

    private io.opentelemetry.context.Context parent() {
      io.opentelemetry.context.Context root = io.opentelemetry.context.Context.root();
      return traceparent == null
          ? root
          : W3CTraceContextPropagator.getInstance().extract(root, this, GETTER);
    }

    private SpanContext span() {
      return io.opentelemetry.api.trace.Span.fromContext(parent()).getSpanContext();
    }
  }

  /** One that has begun. If it is not ended, nobody hears of it. */
  public static final class Span {
    private final io.opentelemetry.api.trace.Span span;

    private Span(io.opentelemetry.api.trace.Span span) {
      this.span = span;
    }

    /** Where it stands; what it leads to belongs there. */
    public Context context() {
      return Context.of(span.getSpanContext());
    }

    /** Whom it was done for. */
    public void who(String authenticationName) {
      span.setAttribute(USER, authenticationName);
    }

    /** The endpoint answered. */
    public void status(int status) {
      span.setAttribute(STATUS, (long) status);
    }

    /** It is done; once. */
    public void end() {
      span.end();
    }

    /** It failed, and why in words that hold nothing secret; once. */
    public void fail(String why) {
      span.setStatus(StatusCode.ERROR, why);
      span.end();
    }
  }

  private Spans() {
    provider = null;
    tracer = null;
  }

  /**
   * Spans that are sent to a collector.
   *
   * @param traces where it takes traces by OTLP over HTTP
   * @param ratio how many of the traces that begin here are told of, 0 to 1; of those that others
   *     have begun they say so themselves
   * @param authority PEM of whoever signed the collector's certificate, or null for those that the
   *     JVM trusts
   * @param node this one's name
   */
  Spans(String traces, double ratio, byte[] authority, String node, Telemetry telemetry) {
    OtlpHttpSpanExporterBuilder exporter =
        OtlpHttpSpanExporter.builder()
            .setEndpoint(traces)
            .setTimeout(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    if (authority != null) {
      exporter.setTrustedCertificates(authority);
    }
    THEIRS.setLevel(Level.OFF);
    provider =
        SdkTracerProvider.builder()
            .setResource(
                Resource.create(
                    Attributes.of(
                        AttributeKey.stringKey("service.name"),
                        "busbar",
                        AttributeKey.stringKey("service.instance.id"),
                        node)))
            .setSampler(Sampler.parentBased(Sampler.traceIdRatioBased(ratio)))
            .addSpanProcessor(
                BatchSpanProcessor.builder(new Counting(exporter.build(), telemetry))
                    .setScheduleDelay(1, TimeUnit.SECONDS)
                    .build())
            .build();
    tracer = provider.get("busbar");
  }

  /** Whether any are wanted. */
  public boolean areOn() {
    return tracer != null;
  }

  /** A CONNECT has come. */
  public Span connect(Context parent, String clientId, String version, String address) {
    return begin(
        of("CONNECT", SpanKind.SERVER)
            .setParent(parent.parent())
            .setAttribute(CLIENT, clientId)
            .setAttribute(VERSION, version)
            .setAttribute(ADDRESS, address));
  }

  /** A message becomes an event of the topic that messages are routed to. */
  public Span route(Context parent, String topic, String publisher) {
    SpanBuilder span =
        of("route", SpanKind.PRODUCER)
            .setParent(parent.parent())
            .setAttribute(OPERATION, "send")
            .setAttribute(DESTINATION, topic);
    return begin(publisher == null ? span : span.setAttribute(USER, publisher));
  }

  /** Events are brought to an endpoint: one that is told of is the parent, others are linked to. */
  public Span push(List<Context> events, String queue, String place) {
    SpanBuilder span =
        of("push", SpanKind.CLIENT)
            .setAttribute(OPERATION, "send")
            .setAttribute(DESTINATION, queue)
            .setAttribute(PLACE, place)
            .setAttribute(BATCH, (long) events.size());
    int parent = 0;
    while (parent < events.size() - 1 && !events.get(parent).span().isSampled()) {
      parent++;
    }
    for (int i = 0; i < events.size(); i++) {
      SpanContext linked = events.get(i).span();
      if (i != parent && linked.isValid()) {
        span.addLink(linked);
      }
    }
    return begin(span.setParent(events.get(parent).parent()));
  }

  private SpanBuilder of(String name, SpanKind kind) {
    return tracer.spanBuilder(name).setSpanKind(kind).setAttribute(SYSTEM, "mqtt");
  }

  private static Span begin(SpanBuilder span) {
    return new Span(span.startSpan());
  }

  /** Sends what is left, for a moment; blocks. */
  @Override
  public void close() {
    if (provider != null) {
      provider.shutdown().join(2, TimeUnit.SECONDS);
    }
  }

  /** Counts what became of spans, and says it where a collector takes none. */
  private static final class Counting implements SpanExporter {
    private final SpanExporter exporter;
    private final Telemetry telemetry;
    private long warnedAt = Long.MIN_VALUE;

    Counting(SpanExporter exporter, Telemetry telemetry) {
      this.exporter = exporter;
      this.telemetry = telemetry;
    }

    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      int many = spans.size();
      CompletableResultCode result = exporter.export(spans);
      result.whenComplete(
          () -> {
            telemetry.adder(Meter.SPANS, result.isSuccess() ? "exported" : "failed").add(many);
            if (!result.isSuccess()) {
              warn(result.getFailureThrowable());
            }
          });
      return result;
    }

    /** At most a line in half a minute. */
    private synchronized void warn(Throwable why) {
      long now = System.nanoTime();
      if (warnedAt == Long.MIN_VALUE || now - warnedAt > 30_000_000_000L) {
        warnedAt = now;
        LOG.warn(
            "spans are not taken by the collector: because={}",
            why == null ? "it answered with an error" : why.toString());
      }
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }
}

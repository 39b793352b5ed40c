package io.busbar.telemetry;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.Collector;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import io.prometheus.metrics.model.snapshots.Unit;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.DoubleSupplier;
import java.util.stream.LongStream;

/**
 * The meters of one node and its loss ledger. Thread-safe.
 *
 * <p>The hot path does not come here for each message: an event loop counts in plain fields and
 * adds them once a turn.
 */
public final class Telemetry {
  /** Upper bounds of a timer's histogram: from a write to memory to a disk that hangs. */
  static final Duration[] BUCKETS =
      LongStream.of(
              100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 1_000_000,
              5_000_000)
          .mapToObj(micros -> Duration.ofNanos(micros * 1_000))
          .toArray(Duration[]::new);

  private final MeterRegistry registry;
  private final Map<String, LongAdder> adders = new ConcurrentHashMap<>();
  private final Map<Meter, Map<List<String>, Histogram>> histograms = new ConcurrentHashMap<>();
  private final EnumMap<Loss, LongAdder> ledger = new EnumMap<>(Loss.class);
  private final Audit audit = new Audit();
  private Spans spans = Spans.OFF;

  /** Registers the ledger's rows, so that each is visible from the start. */
  public Telemetry(MeterRegistry registry) {
    this.registry = registry;
    for (Loss loss : Loss.values()) {
      ledger.put(loss, adder(Meter.LOST, loss.tag()));
    }
  }

  /** Where the meters live. */
  public MeterRegistry registry() {
    return registry;
  }

  /** Where is written down what was denied, and what was changed. */
  public Audit audit() {
    return audit;
  }

  /**
   * Has spans sent to a collector; to be called before anybody else has this.
   *
   * @see Spans#Spans
   */
  public void export(String traces, double ratio, byte[] authority, String node) {
    spans = new Spans(traces, ratio, authority, node, this);
  }

  /** What is told of single CONNECTs, messages and requests. */
  public Spans spans() {
    return spans;
  }

  /** Enters messages in the loss ledger. */
  public void lost(Loss loss, long messages) {
    ledger.get(loss).add(messages);
  }

  /** What the ledger says. */
  public long lost(Loss loss) {
    return ledger.get(loss).sum();
  }

  /**
   * The adder behind a counter, for a caller that adds often; values of the meter's tags in order.
   */
  public LongAdder adder(Meter meter, String... tagValues) {
    String key = meter.id() + String.join("\u0001", tagValues);
    return adders.computeIfAbsent(
        key,
        k -> {
          LongAdder adder = new LongAdder();
          // a function counter holds what it asks weakly: given the adder, it would stand still
          // at a value of the past once nobody else holds the adder
          FunctionCounter.Builder<MeterRegistry> builder =
              FunctionCounter.builder(meter.id(), registry, asked -> adder.doubleValue())
                  .description(meter.meaning());
          for (int i = 0; i < tagValues.length; i++) {
            builder.tag(meter.tags().get(i), tagValues[i]);
          }
          builder.register(registry);
          return adder;
        });
  }

  /** Counts one. */
  public void count(Meter meter, String... tagValues) {
    adder(meter, tagValues).increment();
  }

  /** Registers a gauge whose value is asked for at each scrape, on the scraper's thread. */
  public void gauge(Meter meter, DoubleSupplier value, String... tagValues) {
    Gauge.Builder<?> builder =
        Gauge.builder(meter.id(), value::getAsDouble).description(meter.meaning());
    for (int i = 0; i < tagValues.length; i++) {
      builder.tag(meter.tags().get(i), tagValues[i]);
    }
    builder.strongReference(true).register(registry);
  }

  /** Registers a counter whose value is asked for at each scrape, on the scraper's thread. */
  public void counter(Meter meter, DoubleSupplier value, String... tagValues) {
    FunctionCounter.Builder<MeterRegistry> builder =
        FunctionCounter.builder(meter.id(), registry, asked -> value.getAsDouble())
            .description(meter.meaning());
    for (int i = 0; i < tagValues.length; i++) {
      builder.tag(meter.tags().get(i), tagValues[i]);
    }
    builder.register(registry);
  }

  /** Registers a timer, or gives the one that is there; values of the meter's tags in order. */
  public Timer timer(Meter meter, String... tagValues) {
    Timer.Builder builder =
        Timer.builder(meter.id()).description(meter.meaning()).serviceLevelObjectives(BUCKETS);
    for (int i = 0; i < tagValues.length; i++) {
      builder.tag(meter.tags().get(i), tagValues[i]);
    }
    return builder.register(registry);
  }

  /**
   * The histogram of a meter of kind {@link Meter.Kind#HISTOGRAM}; values of its tags in order.
   * Micrometer has none that more than one may be added to at once, so Prometheus reads it from
   * here.
   */
  public Histogram histogram(Meter meter, String... tagValues) {
    return histograms
        .computeIfAbsent(meter, this::exposed)
        .computeIfAbsent(
            List.of(tagValues),
            values -> new Histogram(Labels.of(meter.tags().toArray(String[]::new), tagValues)));
  }

  private Map<List<String>, Histogram> exposed(Meter meter) {
    Map<List<String>, Histogram> all = new ConcurrentHashMap<>();
    if (registry instanceof PrometheusMeterRegistry prometheus) {
      String name = meter.id().replace('.', '_') + "_seconds";
      MetricMetadata metadata = new MetricMetadata(name, meter.meaning(), Unit.SECONDS);
      Collector collector =
          () ->
              new HistogramSnapshot(
                  metadata, all.values().stream().map(Histogram::snapshot).toList());
      prometheus.getPrometheusRegistry().register(collector);
    }
    return all;
  }

  /** The sum of a counter or histogram over all its tags, for tests and summaries. */
  public double total(Meter meter) {
    double sum = 0;
    for (FunctionCounter counter : registry.find(meter.id()).functionCounters()) {
      sum += counter.count();
    }
    for (Counter counter : registry.find(meter.id()).counters()) {
      sum += counter.count();
    }
    for (Histogram histogram : histograms.getOrDefault(meter, Map.of()).values()) {
      sum += histogram.count();
    }
    return sum;
  }
}

package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import org.junit.jupiter.api.Test;

/** Histograms that are counted in plain fields, and what Prometheus reads of them. */
class HistogramTest {
  private static final String[] TAGS = {"1", "mqtt5", "false"};

  @Test
  void prometheusReadsWhatWasCounted() {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    Telemetry telemetry = new Telemetry(registry);
    Histogram histogram = telemetry.histogram(Meter.PUBLISH_TIME, TAGS);
    Histogram.Counts counts = new Histogram.Counts();
    counts.add(3, 90_000);
    counts.add(1, 100_000);
    counts.add(2, 100_001);
    counts.add(1, 60_000_000_000L);
    counts.addTo(histogram);

    String series = "busbar_publish_time_seconds_%s{%s}";
    String labels = "protocol=\"mqtt5\",qos=\"1\",retain=\"false\"";
    assertThat(registry.scrape())
        .contains("# TYPE busbar_publish_time_seconds histogram")
        .contains(series.formatted("bucket", labels + ",le=\"1.0E-4\"") + " 4")
        .contains(series.formatted("bucket", labels + ",le=\"5.0E-4\"") + " 6")
        .contains(series.formatted("bucket", labels + ",le=\"5.0\"") + " 6")
        .contains(series.formatted("bucket", labels + ",le=\"+Inf\"") + " 7")
        .contains(series.formatted("count", labels) + " 7")
        .contains(series.formatted("sum", labels) + " 60.0005");
    assertThat(telemetry.total(Meter.PUBLISH_TIME)).isEqualTo(7);
  }

  @Test
  void countsBeginAnewWhenTheyWereAdded() {
    Telemetry telemetry = new Telemetry(new SimpleMeterRegistry());
    Histogram histogram = telemetry.histogram(Meter.PUBLISH_TIME, TAGS);
    Histogram.Counts counts = new Histogram.Counts();
    assertThat(counts.isEmpty()).isTrue();
    counts.add(5, 1_000);
    assertThat(counts.isEmpty()).isFalse();
    counts.addTo(histogram);
    assertThat(counts.isEmpty()).isTrue();
    counts.addTo(histogram);
    assertThat(histogram.count()).isEqualTo(5);
    assertThat(histogram.nanos()).isEqualTo(5_000);
  }

  @Test
  void whoAsksAgainGetsTheSame_andOtherTagsAnother() {
    Telemetry telemetry = new Telemetry(new SimpleMeterRegistry());
    Histogram histogram = telemetry.histogram(Meter.PUBLISH_TIME, TAGS);
    assertThat(telemetry.histogram(Meter.PUBLISH_TIME, TAGS)).isSameAs(histogram);
    assertThat(telemetry.histogram(Meter.PUBLISH_TIME, "2", "mqtt5", "false"))
        .isNotSameAs(histogram);
  }
}

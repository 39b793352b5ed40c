package io.busbar.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.MultiMap;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How long answers stay fresh by their headers. */
class FetchTest {
  private static Optional<Duration> fresh(String control, String age) {
    MultiMap headers = MultiMap.caseInsensitiveMultiMap();
    headers.add("Cache-Control", control);
    if (age != null) {
      headers.add("Age", age);
    }
    return Fetch.fresh(headers);
  }

  @ParameterizedTest
  @CsvSource({
    "max-age=600,,600",
    "'public, max-age=19845, must-revalidate, no-transform',,19845",
    "'Max-Age=\"60\"',,60",
    "max-age=600,100,500",
    "max-age=600,700,0",
    "max-age=600,some,600",
    "max-age=600,-1,600",
    "'max-age=600, no-cache',,0",
    "no-store,,0",
    "'private,no-cache=\"x\"',,0",
    "max-age=0,,0",
    "max-age=9999999999,,9999999999"
  })
  void cacheControlSaysHowLong(String control, String age, long seconds) {
    assertThat(fresh(control, age)).contains(Duration.ofSeconds(seconds));
  }

  @ParameterizedTest
  @CsvSource({
    "public",
    "s-maxage=60",
    "x-max-age=60",
    "max-age=x",
    "max-age=-1",
    "''",
    "max-age=99999999999999999999",
    "x-no-store"
  })
  void otherHeadersSayNothing(String control) {
    assertThat(fresh(control, "5")).isEmpty();
  }

  @Test
  void whatIsSaidInSeveralHeadersCounts() {
    MultiMap headers = MultiMap.caseInsensitiveMultiMap();
    headers.add("cache-control", "max-age=60").add("cache-control", "no-store");
    assertThat(Fetch.fresh(headers)).contains(Duration.ZERO);
    assertThat(Fetch.fresh(MultiMap.caseInsensitiveMultiMap())).isEmpty();
  }
}

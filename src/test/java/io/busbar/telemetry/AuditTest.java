package io.busbar.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.testing.AuditRecords;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AuditTest {
  private final AuditRecords records = new AuditRecords();
  private final Audit audit = new Audit();

  @AfterEach
  void close() {
    records.close();
  }

  @Test
  void fields_areThoseThatHaveAValue() {
    audit.denied("publish denied", "c", "client", "c", "remote", null, "status", 403);
    audit.changed("resource changed", "name", "n");
    assertThat(records.all())
        .containsExactly(
            "publish denied client=\"c\" status=\"403\"", "resource changed name=\"n\"");
  }

  @Test
  void valuesOfClients_endNeitherTheirLineNorTheirQuotes() {
    audit.denied(
        "publish denied", "c", "topic", "a\" client=\"b\r\nforged\u0000" + "x".repeat(600));
    String record = records.all().get(0);
    assertThat(record)
        .startsWith("publish denied topic=\"a' client='b..forged.xxx")
        .endsWith("…\"");
    assertThat(record.length()).isLessThan(600);
  }

  @Test
  void whoIsDeniedAgainAndAgain_hidesNobodyElse() {
    for (int i = 0; i < 1_000; i++) {
      audit.denied("publish denied", "loud", "client", "loud");
    }
    audit.denied("publish denied", "quiet", "client", "quiet");
    List<String> all = records.all();
    assertThat(all).contains("publish denied client=\"quiet\"");
    // a second or more may have passed on a slow machine
    assertThat(all.size()).isBetween(Audit.AT_ONCE + 1, 100);
    audit.sweep();
    assertThat(records.all().get(all.size()))
        .isEqualTo("records left out count=\"%d\"".formatted(1_001 - all.size()));
    audit.sweep();
    assertThat(records.all()).hasSize(all.size() + 1);
  }

  @Test
  void anImportOfVeryMany_isOneRequestAndABoundedNumberOfResources() {
    for (int i = 0; i < 20_000; i++) {
      audit.applied("resource changed", "name", i);
    }
    audit.changed("request carried out", "path", "importClients");
    assertThat(records.all().size()).isBetween(Audit.MOST, 20 * Audit.MOST);
    assertThat(records.all()).contains("request carried out path=\"importClients\"");
  }

  @Test
  void ofVeryMany_aBoundedNumberIsWrittenDown() {
    for (int i = 0; i < 20_000; i++) {
      audit.denied("publish denied", "client-" + i, "client", i);
    }
    assertThat(records.all().size()).isBetween(Audit.MOST, 20 * Audit.MOST);
  }
}

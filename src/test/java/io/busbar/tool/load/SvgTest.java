package io.busbar.tool.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

class SvgTest {
  private static Document parsed(String svg) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void namesAreEscaped_andTheChartIsXml() throws Exception {
    String svg =
        Svg.chart(
            "a < b & c",
            "s",
            "%d",
            List.of(new Svg.Line("<x>", List.of(new Svg.Point(0, 1), new Svg.Point(1, 2)))));
    NodeList texts = parsed(svg).getElementsByTagName("text");
    assertThat(texts.item(0).getTextContent()).isEqualTo("a < b & c");
    assertThat(texts.item(texts.getLength() - 1).getTextContent()).isEqualTo("<x>");
  }

  @Test
  void aLineReachesFromCornerToCorner() {
    String svg =
        Svg.chart(
            "t",
            "s",
            "u",
            List.of(new Svg.Line("n", List.of(new Svg.Point(0, 0), new Svg.Point(10, 50)))));
    // The plot is 670 wide and 230 high, from (70, 270).
    assertThat(svg).contains("d=\"M70.0 270.0L740.0 40.0\"");
  }

  @Test
  void nothingToShowIsAnEmptyChart() throws Exception {
    String svg = Svg.chart("t", "s", "u", List.of(new Svg.Line("n", List.of())));
    assertThat(parsed(svg).getDocumentElement().getTagName()).isEqualTo("svg");
    assertThat(svg).doesNotContain("NaN").doesNotContain("fill=\"none\"");
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "1, 1", "1.01, 2", "23, 25", "26, 50", "99, 100", "0.03, 0.05", "51, 100"})
  void anAxisEndsAtARoundNumber(double most, double end) {
    assertThat(Svg.end(most)).isEqualTo(end);
  }
}

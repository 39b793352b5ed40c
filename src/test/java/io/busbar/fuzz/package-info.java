/**
 * Fuzz targets: classes named {@code *Fuzz} with a public static {@code fuzzerTestOneInput(byte[])}
 * that throws when its oracle, a slow and obvious model, disagrees with the product. {@link
 * io.busbar.fuzz.FuzzTest} runs each briefly on its seeds in {@code src/test/resources/fuzz};
 * {@code .ci/fuzz} runs them under Jazzer for as long as asked.
 */
package io.busbar.fuzz;

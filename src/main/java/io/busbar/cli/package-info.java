/** The {@code busbar} command's options. */
package io.busbar.cli;

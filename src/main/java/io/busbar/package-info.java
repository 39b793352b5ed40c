/** Wiring by hand and life cycle: {@code Main}, {@code Node}. */
package io.busbar;

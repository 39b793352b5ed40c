/** Typed settings, the limits table and the namespace file. */
package io.busbar.config;

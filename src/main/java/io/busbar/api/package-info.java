/** HTTP: health, metrics. */
package io.busbar.api;

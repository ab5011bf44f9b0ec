// Package memory owns the memory limit.
package memory

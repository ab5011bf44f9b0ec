// Command heap shows what a Go program's memory does after its work: it fills
// a large array several times in a function that returns, and then only looks
// on. docs/memory.md tells what there is to see. Linux only: it reads /proc.
//
//	go run ./docs/heap                       # 3.2 GB, ten times, five minutes
//	go run ./docs/heap -size 400MB -free     # with debug.FreeOSMemory
//	GODEBUG=madvdontneed=0 go run ./docs/heap -size 400MB
//	go run ./docs/heap -matrix -size 400MB   # many settings, one table
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// options are what a run is told.
type options struct {
	size  int64 // bytes
	times int
	watch time.Duration
	// free calls debug.FreeOSMemory after the work.
	free bool
	// press is what a second process takes for a while, limit that of a memory
	// cgroup around both, in bytes; 0 means none.
	press, limit int64
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "heap:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var o options
	flags := flag.NewFlagSet("heap", flag.ContinueOnError)
	o.size = 3_200_000_000
	flags.Func("size", "of the array, like 400MB (default 3.2GB)", bytesInto(&o.size))
	flags.IntVar(&o.times, "times", 10, "how often it is filled")
	flags.DurationVar(&o.watch, "watch", 5*time.Minute, "how long to look on")
	flags.BoolVar(&o.free, "free", false, "call debug.FreeOSMemory after the work")
	flags.Func("press", "what a second process takes from the 30th to the 50th second, like 600MB", bytesInto(&o.press))
	flags.Func("limit", "run inside a memory cgroup with this limit, like 900MB (as root)", bytesInto(&o.limit))
	matrix := flags.Bool("matrix", false, "run many settings, and print one table")
	hold := flags.Duration("hold", 0, "only take -size, for so long (what -press starts)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case o.size <= 0 || o.times <= 0 || o.watch <= 0:
		return fmt.Errorf("-size, -times and -watch are more than 0")
	case *hold > 0:
		fill(o.size)
		time.Sleep(*hold)
		return nil
	case *matrix:
		return runMatrix(o, os.Stdout)
	}
	if o.limit > 0 {
		leave, err := enterGroup(o.limit)
		if err != nil {
			return err
		}
		defer leave()
	}
	return o.experiment()
}

// moments are when to look, after the work.
var moments = []time.Duration{0, time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, 45 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute}

func (o options) experiment() error {
	fmt.Printf("%s, GOGC=%s GOMEMLIMIT=%s GODEBUG=%s: %s, %d times\n", runtime.Version(), os.Getenv("GOGC"), os.Getenv("GOMEMLIMIT"), os.Getenv("GODEBUG"), inMB(o.size), o.times)
	for range o.times {
		fill(o.size)
	}
	if o.free {
		debug.FreeOSMemory()
	}
	stop, err := o.pressure()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println("after      HeapInuse   HeapIdle  HeapReleased        RSS  of it lazily free   peak RSS")
	start := time.Now()
	for _, at := range moments {
		if at > o.watch {
			break
		}
		time.Sleep(time.Until(start.Add(at)))
		f, err := look()
		if err != nil {
			return err
		}
		fmt.Printf("%-9v %10s %10s %13s %10s %18s %10s\n", at, inMB(f.inuse), inMB(f.idle), inMB(f.released), inMB(f.rss), inMB(f.lazy), inMB(f.peak))
	}
	return nil
}

// fill makes an array, writes to all of it, and returns: nothing of it is
// reachable any more.
//
//go:noinline
func fill(size int64) byte {
	array := make([]byte, size)
	for i := range array {
		array[i] = byte(i)
	}
	return array[size/2]
}

// bytesInto parses sizes in powers of ten, or of two as MiB and GiB.
func bytesInto(into *int64) func(string) error {
	return func(s string) error {
		for _, unit := range []struct {
			suffix string
			n      float64
		}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}} {
			if number, ok := strings.CutSuffix(s, unit.suffix); ok {
				f, err := strconv.ParseFloat(number, 64)
				if err != nil || !(f > 0 && f*unit.n < 1<<50) {
					break
				}
				*into = int64(f * unit.n)
				return nil
			}
		}
		return fmt.Errorf("write it like 400MB or 1.5GiB")
	}
}

func inMB(n int64) string { return strconv.FormatInt((n+5e5)/1e6, 10) + " MB" }

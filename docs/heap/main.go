// Command heap shows what the memory of a Go program does after its work. It
// fills a large array several times in a function that returns, then prints
// its memory for some minutes. docs/memory.md explains the output. Linux only:
// it reads /proc.
//
//	go run ./docs/heap                       # 3.2 GB, ten times, five minutes
//	go run ./docs/heap -size 400MB -free     # with debug.FreeOSMemory
//	GODEBUG=madvdontneed=0 go run ./docs/heap -size 400MB
//	go run ./docs/heap -matrix -size 400MB   # ten settings, one table; as root
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

// options are the flags of a run.
type options struct {
	size  int64 // bytes
	times int
	watch time.Duration
	// free calls debug.FreeOSMemory after the work.
	free bool
	// press is the memory that a second process uses for a while, limit the
	// limit of a memory cgroup around both, in bytes. 0 means none.
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
	flags.Func("size", "size of the array, such as 400MB (default 3.2GB)", bytesInto(&o.size))
	flags.IntVar(&o.times, "times", 10, "how many times the array is filled")
	flags.DurationVar(&o.watch, "watch", 5*time.Minute, "how long to print memory after the work")
	flags.BoolVar(&o.free, "free", false, "call debug.FreeOSMemory after the work")
	flags.Func("press", "memory that a second process uses from the 30th to the 50th second, such as 600MB",
		bytesInto(&o.press))
	flags.Func("limit", "run in a memory cgroup with this limit, such as 900MB (as root)", bytesInto(&o.limit))
	matrix := flags.Bool("matrix", false, "run with ten settings of the Go runtime and print one table (as root)")
	hold := flags.Duration("hold", 0, "only use -size for this long (the process that -press starts)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case o.size <= 0 || o.times <= 0 || o.watch <= 0:
		return fmt.Errorf("-size, -times and -watch must be more than 0")
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

// moments are the times after the work at which memory is printed.
var moments = []time.Duration{
	0, time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, 45 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute,
}

func (o options) experiment() error {
	fmt.Printf("%s, GOGC=%s GOMEMLIMIT=%s GODEBUG=%s: %s, %d times\n", runtime.Version(),
		os.Getenv("GOGC"), os.Getenv("GOMEMLIMIT"), os.Getenv("GODEBUG"), inMB(o.size), o.times)
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
	fmt.Println("after      HeapInuse   HeapIdle  HeapReleased        RSS           LazyFree   peak RSS")
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
		fmt.Printf("%-9v %10s %10s %13s %10s %18s %10s\n", at,
			inMB(f.inuse), inMB(f.idle), inMB(f.released), inMB(f.rss), inMB(f.lazy), inMB(f.peak))
	}
	return nil
}

// fill allocates an array, writes to all of it and returns. After that the
// array is unreachable.
//
//go:noinline
func fill(size int64) byte {
	array := make([]byte, size)
	for i := range array {
		array[i] = byte(i)
	}
	return array[size/2]
}

// bytesInto parses a size: MB and GB are powers of ten, MiB and GiB of two.
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
		return fmt.Errorf("write a size such as 400MB or 1.5GiB")
	}
}

func inMB(n int64) string { return strconv.FormatInt((n+5e5)/1e6, 10) + " MB" }

// Command simulate replays a made-up trace through the caches of 1 to 64 servers, and prints what they hit, fetch and
// make. Requests follow Zipf's law, new images appear and old ones fade, sources are purged, and the rate goes up and
// down over the day. The caches are the real ones (package cache over diskstore); origin, worker and network are made
// up, and so is a bucket below the caches. docs/scaling.md explains the figures.
//
//	go run ./cmd/simulate                      # two tables, two minutes
//	go run ./cmd/simulate -write docs          # the same, into docs/scaling.md, with its charts
//	go run ./cmd/simulate -servers 3 -zipf 1.1 -ram 16777216
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	config
	servers   []int
	balancing []balancing
	// dir is where the disk tiers are, for as long as the program runs.
	dir string
	// trace is a file that the trace is written to, and docs the folder of scaling.md.
	trace, docs string
	json        bool
}

func parseOptions(args []string) (o options, err error) {
	o.servers, o.balancing = []int{1, 2, 4, 8, 16, 32, 64}, []balancing{random, unbounded, hashed}
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	t, s := &o.traceConfig, &o.sizes
	f.Uint64Var(&t.Seed, "seed", 1, "decides all that is random in the trace")
	f.IntVar(&t.Requests, "requests", 240_000, "requests of the trace")
	days := f.Float64("days", 4, "days that they are spread over")
	f.IntVar(&t.Images, "images", 40_000, "images that there are at a time")
	f.IntVar(&t.Variants, "variants", 5, "results that are asked for of each image")
	f.Float64Var(&t.Exponent, "zipf", 0.9, "the image of rank r is asked for in proportion to 1/r^ZIPF")
	f.Float64Var(&t.NewImages, "new", 0.1, "part of the images that is new each day")
	f.Float64Var(&t.Purges, "purges", 200, "purges of a source each day")
	f.Float64Var(&t.Swing, "swing", 0.6, "how far the rate goes above and below its mean over a day, from 0 to 1")
	f.IntVar(&s.Source, "source", 400_000, "median size of sources in bytes")
	f.IntVar(&s.Result, "result", 18_000, "median size of results in bytes")
	f.Float64Var(&s.Sigma, "sigma", 0.8, "deviation of the logarithm of a size; 0 for one size")
	f.Int64Var(&o.RAM, "ram", 8<<20, "RAM tier of a server in bytes")
	f.Int64Var(&o.Disk, "disk", 128<<20, "disk tier of a server in bytes, a half of it for sources; 0 for none")
	f.BoolVar(&o.Files, "files", false, "store results in files, as servers do: ten times as slow")
	f.DurationVar(&o.TTL, "ttl", 24*time.Hour, "freshness lifetime of images")
	f.Float64Var(&o.Warm, "warm", 0.5, "part of the trace that comes before counting begins")
	f.Float64Var(&o.Scale, "scale", 256, "requests that one of the trace stands for: so many are under way at once")
	f.IntVar(&o.Weight, "weight", 16, "weight of each server in the balancer: 16 places on the ring for each")
	f.IntVar(&o.Bound, "bound", 200, "with \"hashed, bounded\", percent of its share that a server gets at most "+
		"(hash-balance-factor)")
	f.IntVar(&o.Admit, "bucket-admit", 2, "requests for a result until a bucket takes it")
	f.Func("servers", "numbers of servers (default 1,2,4,8,16,32,64)", o.readServers)
	f.Func("balance", "ways of balancing (default random;hashed;hashed, bounded)", o.readBalancing)
	f.StringVar(&o.dir, "dir", "", "with -files, folder on a disk that they are in for as long as the program runs "+
		"(default that of temporary files)")
	f.StringVar(&o.trace, "trace", "", "file that the trace is written to")
	f.StringVar(&o.docs, "write", "", "folder whose scaling.md gets the tables, with charts beside it")
	f.BoolVar(&o.json, "json", false, "print the figures as JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	t.Length = days2time(*days)
	s.Seed = t.Seed
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no flag", f.Arg(0))
	case o.Source < 1 || o.Result < 1 || o.Sigma < 0 || o.RAM < 0 || o.Disk < 0 || o.Files && o.Disk == 0 || o.TTL <= 0:
		return o, errors.New("-source, -result and -ttl must be more than 0, -sigma, -ram and -disk not less")
	case o.Warm < 0 || o.Warm >= 1 || o.Scale < 0 || o.Weight < 1 || o.Weight > 256 || o.Admit < 1 ||
		o.Bound <= 100:
		return o, errors.New("-warm is from 0 to less than 1, -weight from 1 to 256, -bucket-admit at least 1, " +
			"-bound more than 100")
	}
	return o, t.validate()
}

func (o *options) readServers(text string) error {
	o.servers = nil
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > 1024 {
			return errors.New("write numbers from 1 to 1024 with commas between")
		}
		o.servers = append(o.servers, n)
	}
	return nil
}

func (o *options) readBalancing(text string) error {
	o.balancing = nil
	for field := range strings.SplitSeq(text, ";") {
		kind := balancing(strings.TrimSpace(field))
		if kind != random && kind != hashed && kind != unbounded {
			return fmt.Errorf("there are %q, %q and %q", random, unbounded, hashed)
		}
		o.balancing = append(o.balancing, kind)
	}
	return nil
}

func run(args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	events := generateTrace(o.traceConfig)
	if o.trace != "" {
		if err := saveTrace(o.trace, events); err != nil {
			return err
		}
	}
	all, err := o.replayAll(events)
	switch {
	case err != nil:
		return err
	case o.json:
		return json.NewEncoder(out).Encode(all)
	case o.docs != "":
		return writeDocs(o.docs, all)
	}
	_, err = io.WriteString(out, tables(all))
	return err
}

func saveTrace(path string, events []event) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(writeTrace(f, events), f.Close())
}

// replayAll replays the trace for all numbers of servers, as many at a time as there are processors.
func (o *options) replayAll(events []event) ([]figures, error) {
	dir, err := os.MkdirTemp(o.dir, "simulate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all := make([]figures, len(o.servers)*len(o.balancing))
	errs := make([]error, len(all))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for i := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			servers, kind := o.servers[i/len(o.balancing)], o.balancing[i%len(o.balancing)]
			all[i], errs[i] = replayTrace(o.config, events, kind, servers, filepath.Join(dir, strconv.Itoa(i)))
		})
	}
	wait.Wait()
	return all, errors.Join(errs...)
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/pictor-proxy/pictor/proxy"
)

// A request to warm names at most so many URLs, and so many bytes of them. A server takes
// twice as much.
const (
	batchURLs  = 500
	batchBytes = 128 << 10
)

// batches are the requests for all that the command line names. in is standard input. They
// are made as they are needed, so a list may be of any length.
func (cmd *warmCmd) batches(in io.Reader) iter.Seq2[proxy.WarmRequest, error] {
	return func(yield func(proxy.WarmRequest, error) bool) {
		urls := &batch{ask: proxy.WarmRequest{Accept: cmd.Accept}, weight: 1}
		sources := &batch{ask: proxy.WarmRequest{Accept: cmd.Accept, Widths: cmd.Widths, Formats: cmd.Formats,
			Options: cmd.Options}, weight: max(len(cmd.Widths), 1) * max(len(cmd.Formats), 1)}
		for url, err := range cmd.urls(in) {
			if err != nil {
				yield(proxy.WarmRequest{}, err)
				return
			}
			if urls.isFullFor(url) && !yield(urls.take(), nil) {
				return
			}
			urls.add(&urls.ask.URLs, url)
		}
		if urls.count > 0 && !yield(urls.take(), nil) {
			return
		}
		for _, source := range cmd.Source {
			if sources.isFullFor(source) && !yield(sources.take(), nil) {
				return
			}
			sources.add(&sources.ask.Sources, source)
		}
		if sources.count > 0 {
			yield(sources.take(), nil)
		}
	}
}

// batch collects a request. Each of its things counts as weight URLs.
type batch struct {
	ask                  proxy.WarmRequest
	weight, count, bytes int
}

func (b *batch) isFullFor(thing string) bool {
	return b.count > 0 && (b.count+b.weight > batchURLs || b.bytes+len(thing) > batchBytes)
}

func (b *batch) add(list *[]string, thing string) {
	*list = append(*list, thing)
	b.count += b.weight
	b.bytes += len(thing)
}

func (b *batch) take() proxy.WarmRequest {
	full := b.ask
	b.ask.URLs, b.ask.Sources = nil, nil
	b.count, b.bytes = 0, 0
	return full
}

// urls are those of the command line and of the lists that it names.
func (cmd *warmCmd) urls(in io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, url := range cmd.URL {
			if url == "-" {
				if !readList(in, yield) {
					return
				}
			} else if !yield(url, nil) {
				return
			}
		}
		switch cmd.List {
		case "":
			return
		case "-":
			readList(in, yield)
			return
		}
		f, err := os.Open(cmd.List)
		if err != nil {
			yield("", fmt.Errorf("--list: %w", err))
			return
		}
		defer f.Close()
		readList(f, yield)
	}
}

// readList reads URLs, one per line. Empty lines and those that begin with # are none. It
// reports false where there is nothing more to do.
func readList(in io.Reader, yield func(string, error) bool) bool {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, batchBytes)
	n := 0
	for lines.Scan() {
		n++
		url := strings.TrimSpace(lines.Text())
		if url != "" && !strings.HasPrefix(url, "#") && !yield(url, nil) {
			return false
		}
	}
	if err := lines.Err(); err != nil {
		yield("", fmt.Errorf("line %d of the list: %w", n+1, err))
		return false
	}
	return true
}

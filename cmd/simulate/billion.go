package main

import (
	"fmt"
	"strings"
)

// site is a site of so many views a day, and what its parts cost. Costs of requests are measured (docs/performance.md),
// work is what requests cost.
type work struct {
	// HitCPU and MissCPU are CPU seconds of a hit of 31 KB, and of a miss: 70 % WebP and 30 % AVIF, of 6 megapixels.
	HitCPU, MissCPU float64
	// Used is how much of a processor is planned to be in use at the peak.
	Used float64
}

// memory is what a core needs that makes results, and what each of so many servers has for its cache, in bytes.
type memory struct{ PerCore, Cache, Servers float64 }

// prices are those of lists on 2026-11-29, in US dollars and without tax.
type site struct {
	// Views are images shown a day. FromBrowser of them come out of the caches of browsers.
	Views, FromBrowser float64
	// Peak is the busiest second over the mean.
	Peak float64
	// NewImages appear a day, of which Variants results each are asked for, of Result bytes.
	NewImages, Variants, Result float64
	// Source is the size of an image's source in bytes.
	Source float64
	work
	memory
	prices
	// Kept is how many days the objects stay.
	Kept float64
	// Missed is the part of the requests that no server has in its caches, and Remade that which is made without a
	// bucket, of 16 servers that are hashed with the bound of the recipe: renewals fetch, and make nothing.
	Missed, Remade float64
}

// prices are those of a processor for a month, and of an object store: of a gigabyte for a month, and of a million
// requests.
type prices struct{ Core, Storage, Put, Get float64 }

// billion is a billion views a day. How many of them browsers answer is what Facebook measured in 2013 (Huang et
// al., An Analysis of Facebook Photo Caching, SOSP '13: 65.5 %).
var billion = site{
	Views: 1e9, FromBrowser: 0.655, Peak: 3, NewImages: 1e6, Variants: 5, Result: 30e3, Source: 1e6,
	work:   work{HitCPU: 0.0158e-3, MissCPU: (0.7*54.7 + 0.3*76.4) * 1e-3, Used: 0.6},
	memory: memory{PerCore: 256 << 20, Cache: 2 << 30, Servers: 16}, Kept: 30,
	prices: prices{Core: 29, Storage: 0.015, Put: 4.5, Get: 0.36},
	Missed: 0.493, Remade: 0.429,
}

// load is what reaches the servers of a site in a day, behind a CDN that answers a part of the requests.
type load struct{ Requests, Made, MadeWithBucket, Read float64 }

func (s site) loadBehind(cdn float64) (l load) {
	l.Requests = s.Views * (1 - s.FromBrowser) * (1 - cdn)
	l.MadeWithBucket = s.NewImages * s.Variants
	l.Made = max(l.MadeWithBucket, s.Remade*l.Requests)
	l.Read = max(l.MadeWithBucket, s.Missed*l.Requests)
	return l
}

const secondsPerDay, daysPerMonth = 86400, 30

// cores are processors for so many seconds of work a day, at the peak.
func (s site) cores(work float64) float64 { return work * s.Peak / secondsPerDay / s.Used }

// memoryFor is what servers need that make so many results a day, and for their caches.
func (s site) memoryFor(made float64) string {
	return fmt.Sprintf("%.0f + %.0f GiB", s.PerCore*s.cores(made*s.MissCPU)/(1<<30), s.Cache*s.Servers/(1<<30))
}

// arithmetic is a table of CDNs with hit ratios, in Markdown.
func (s site) arithmetic(cdns []float64) string {
	var b strings.Builder
	b.WriteString("| the CDN answers |")
	for _, cdn := range cdns {
		fmt.Fprintf(&b, " %.0f %% |", 100*cdn)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(cdns)) + "\n")
	for _, row := range s.rows() {
		b.WriteString("| " + row.name + " |")
		for _, cdn := range cdns {
			b.WriteString(" " + row.value(s.loadBehind(cdn)) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

type row struct {
	name  string
	value func(load) string
}

func (s site) rows() []row {
	text := fmt.Sprintf
	return []row{
		{"requests that reach us, a day", func(l load) string { return text("%.0f million", l.Requests/1e6) }},
		{"a second, in the mean and at the peak", func(l load) string {
			return text("%.0f, %.0f", l.Requests/secondsPerDay, s.Peak*l.Requests/secondsPerDay)
		}},
		{"network at the peak", func(l load) string {
			return text("%.1f Gbit/s", s.Peak*l.Requests*s.Result*8/secondsPerDay/1e9)
		}},
		{"results made a day, 16 servers without a bucket", func(l load) string {
			return text("%.1f million", l.Made/1e6)
		}},
		{"… and with one", func(l load) string { return text("%.1f million", l.MadeWithBucket/1e6) }},
		{"cores for hits", func(l load) string { return text("%.2f", s.cores(l.Requests*s.HitCPU)) }},
		{"cores for results, without a bucket", func(l load) string { return text("%.0f", s.cores(l.Made*s.MissCPU)) }},
		{"… and with one", func(l load) string { return text("%.0f", s.cores(l.MadeWithBucket*s.MissCPU)) }},
		{"memory to make results and for caches, without a bucket", func(l load) string { return s.memoryFor(l.Made) }},
		{"… and with one", func(l load) string { return s.memoryFor(l.MadeWithBucket) }},
		{"cores a month, without a bucket", func(l load) string {
			return text("$%.0f", s.Core*s.cores(l.Requests*s.HitCPU+l.Made*s.MissCPU))
		}},
		{"… and with one", func(l load) string {
			return text("$%.0f", s.Core*s.cores(l.Requests*s.HitCPU+l.MadeWithBucket*s.MissCPU))
		}},
		{"bucket a month: storage, writes, reads", func(l load) string {
			return text("$%.0f, $%.0f, $%.0f", s.NewImages*s.Variants*s.Result*s.Kept/1e9*s.Storage,
				l.MadeWithBucket*daysPerMonth/1e6*s.Put, l.Read*daysPerMonth/1e6*s.Get)
		}},
	}
}

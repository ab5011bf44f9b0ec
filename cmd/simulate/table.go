package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tables are two in Markdown: of caches alone, and of what a bucket below them would change.
func tables(all []figures) string {
	var b strings.Builder
	b.WriteString("| servers | balancing | hits | in RAM | on disk | renewed | transforms | origin fetches " +
		"| MB from RAM | MB from disk | MB made | MB fetched | busiest server |\n" +
		"|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range all {
		n := float64(max(f.Requests, 1)) / 1000
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %.0f | %.0f | %.0f | %.1f | %.1f | %.1f | %.0f | %.2f |\n",
			f.Servers, f.Balancing, percent(f.hitRatio()), percent(float64(f.RAMHits)/n/1000),
			percent(float64(f.DiskHits)/n/1000), float64(f.Renewed)/n, float64(f.Transforms)/n,
			float64(f.Fetches)/n, megabytes(f.RAMBytes, n), megabytes(f.DiskBytes, n),
			megabytes(f.MadeBytes, n), megabytes(f.FetchedBytes, n), f.Busiest)
	}
	b.WriteString("\nThe same with a bucket:\n\n" +
		"| servers | balancing | read from the bucket | written | transforms | origin fetches | MB read | " +
		"MB fetched |\n" +
		"|--:|---|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range all {
		n, with := float64(max(f.Requests, 1))/1000, f.Bucket
		fmt.Fprintf(&b, "| %d | %s | %.0f | %.0f | %.0f | %.0f | %.1f | %.0f |\n", f.Servers, f.Balancing,
			float64(with.Reads)/n, float64(with.Writes)/n, float64(with.Transforms)/n, float64(with.Fetches)/n,
			megabytes(with.ReadBytes, n), megabytes(with.FetchedBytes, n))
	}
	return b.String()
}

func percent(part float64) string { return fmt.Sprintf("%.1f %%", 100*part) }

// megabytes are those for each 1,000 requests, of which there are n.
func megabytes(bytes int64, n float64) float64 { return float64(bytes) / 1e6 / n }

// What the tables are between in scaling.md.
const tablesBegin, tablesEnd = "<!-- tables of cmd/simulate -->\n\n", "\n<!-- end of the tables -->"

// writeDocs puts the tables into scaling.md, and writes its charts.
func writeDocs(dir string, all []figures) error {
	path := filepath.Join(dir, "scaling.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), tablesBegin)
	_, after, alsoFound := strings.Cut(rest, tablesEnd)
	if !found || !alsoFound {
		return fmt.Errorf("%s has no place for the tables", path)
	}
	text := before + tablesBegin + tables(all) + tablesEnd + after
	hits, work := charts(all)
	return errors.Join(
		os.WriteFile(path, []byte(text), 0o644),
		os.WriteFile(filepath.Join(dir, "scaling-hits.svg"), hits.svg(), 0o644),
		os.WriteFile(filepath.Join(dir, "scaling-work.svg"), work.svg(), 0o644),
	)
}

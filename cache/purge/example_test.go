package purge_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// An entry keeps the sequence that was applied when the fetch of its source began.
// It is valid as long as no purge that names it has a higher one.
func Example() {
	dir, err := os.MkdirTemp("", "purge")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	clock, err := purge.Open(purge.Config{Dir: filepath.Join(dir, "state")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer clock.Close()

	entry := purge.Scope{Source: "https://example.com/a.jpg", Tags: []string{"sale"}}
	fetchedAt := clock.Applied()
	isValid := func() bool {
		hard, _ := clock.Since(fetchedAt, entry)
		return fetchedAt >= hard
	}
	fmt.Println("before the purge:", isValid())

	if _, err := clock.Purge(purge.Hard, []purge.Target{{Kind: purge.Tag, Value: "sale"}}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("after the purge:", isValid())

	fetchedAt = clock.Applied() // the source is fetched again
	fmt.Println("fetched again:", isValid())
	// Output:
	// before the purge: true
	// after the purge: false
	// fetched again: true
}

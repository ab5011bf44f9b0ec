package budget_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/budget"
)

// A job waits for its bytes, and gives them back when it has ended. What is larger
// than the whole budget is refused at once.
func Example() {
	b, err := budget.New(budget.Config{Capacity: 100 << 20})
	if err != nil {
		panic(err)
	}
	grant, err := b.Acquire(context.Background(), 30<<20)
	if err != nil {
		panic(err)
	}
	fmt.Println(b.Stats().InUse>>20, "MiB in use")
	grant.Release()
	fmt.Println(b.Stats().InUse>>20, "MiB in use")
	_, err = b.Acquire(context.Background(), 200<<20)
	fmt.Println(errors.Is(err, budget.ErrTooLarge))
	// Output:
	// 30 MiB in use
	// 0 MiB in use
	// true
}

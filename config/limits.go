package config

import "fmt"

// limit is a number from 1 on, up to max unless that is 0.
type limit struct {
	flag       string
	value, max int64
}

func checkLimits(all []limit) (problems []error) {
	for _, limit := range all {
		switch {
		case limit.value < 1:
			problems = append(problems, fmt.Errorf("%s is %d: set it to 1 or more", limit.flag, limit.value))
		case limit.max > 0 && limit.value > limit.max:
			problems = append(problems,
				fmt.Errorf("%s is %d: set it to %d or less", limit.flag, limit.value, limit.max))
		}
	}
	return problems
}

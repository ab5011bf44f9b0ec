package main

import "math"

// sizes are how many bytes sources and results have: lognormal around medians, as those of photographs are.
type sizes struct {
	Seed uint64
	// Source and Result are medians in bytes, Sigma the deviation of the logarithm of a size.
	Source, Result int
	Sigma          float64
}

// smallest and largest variants are so many times as large as the median result.
const smallest, largest = 0.4, 2.5

// maxResult bounds a result, in bytes.
const maxResult = 1 << 20

func (s sizes) source(image uint32) int64 {
	return max(int64(float64(s.Source)*math.Exp(s.Sigma*s.deviation(image))), 1)
}

// result is the size of a variant of n. A large source has large results.
func (s sizes) result(image uint32, variant uint8, n int) int {
	scale := 1.0
	if s.Sigma > 0 && n > 1 {
		scale = smallest * math.Pow(largest/smallest, float64(variant)/float64(n-1))
	}
	return int(min(max(float64(s.Result)*scale*math.Exp(s.Sigma*s.deviation(image)), 1), maxResult))
}

// deviation is a standard normal number that an image always has.
func (s sizes) deviation(image uint32) float64 {
	a := mix(s.Seed ^ uint64(image)<<1)
	u, v := float64(a>>11+1)/(1<<53), float64(mix(a)>>11)/(1<<53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// mix is a permutation whose bits all depend on all bits (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

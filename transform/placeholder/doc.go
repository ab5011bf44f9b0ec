// Package placeholder makes what stands for an image until that is there: BlurHash, ThumbHash and the mean colour of
// a small image in memory.
package placeholder

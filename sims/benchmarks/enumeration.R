# The same plain enumeration as `plain` in enumeration.py, in R without packages: as somebody writes it.
#
#     Rscript sims/benchmarks/enumeration.R LAST-LOOK
#
# Two arms, looks at a half, three quarters and all of so many participants, 69 scenarios. Prints the
# processor time and the mean probability of a success, which enumeration.py compares with its own.

last <- as.integer(commandArgs(trailingOnly = TRUE)[1])
looks <- last * c(0.5, 0.75, 1)
success_at <- 0.985
futile_below <- 0.20
controls <- seq(0.05, 0.60, length.out = 23)
effects <- c(0, 0.1, 0.25)

began <- proc.time()
boundaries <- lapply(looks, function(look) {
  n <- look / 2
  # P(cart > soc) for every table, soc by cart, under Beta(1, 1)
  chance <- matrix(0, n + 1, n + 1)
  for (soc in 0:n) {
    a <- soc + 1
    b <- n - soc + 1
    k <- 0:n
    chance[soc + 1, ] <- cumsum(exp(lchoose(n + 1, k) + lbeta(a + k, b + n + 1 - k) - lbeta(a, b)))
  }
  list(win = chance >= success_at, stop = look < last & chance < futile_below)
})
success <- c()
for (control in controls) for (effect in effects) {
  rates <- c(control, control + effect)
  mass <- matrix(1, 1, 1)
  before <- 0
  won <- 0
  futile <- c()
  number <- 0
  for (k in seq_along(looks)) {
    n <- looks[k] / 2
    move <- lapply(rates, function(rate) outer(0:before, 0:n, function(x, y) dbinom(y - x, n - before, rate)))
    mass <- t(move[[1]]) %*% mass %*% move[[2]]
    win <- boundaries[[k]]$win
    stop <- boundaries[[k]]$stop
    won <- won + sum(mass[win])
    futile <- c(futile, sum(mass[stop & !win]))
    gone <- win | stop | looks[k] == last
    number <- number + looks[k] * sum(mass[gone])
    mass[gone] <- 0
    before <- n
  }
  success <- c(success, won)
}
spent <- proc.time() - began
cat(sprintf("%.4f %.12f\n", spent[1] + spent[2], mean(success)))

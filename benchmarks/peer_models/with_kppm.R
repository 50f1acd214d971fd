# spatstat on one data set, in a process of its own: Rscript with_kppm.R CELLS.csv OUT DRAWS SEED
#
# A Thomas cluster process fitted to the finds in the window of searched boxes by minimum contrast of the pair correlation.
# Parameters only: it gives no map. Finds lie at random places of their box. Thinning leaves clusters per km² and
# their scale as they are; items per cluster are divided by detection.
suppressPackageStartupMessages(library(spatstat.model))
given <- commandArgs(trailingOnly = TRUE)
cells <- read.csv(given[1])
set.seed(as.integer(given[4]))
side <- abs(diff(sort(unique(cells$x)))[1])
used <- function() { t <- proc.time(); c(t[["elapsed"]], sum(t[c(1, 2, 4, 5)], na.rm = TRUE)) }  # children too
begun <- used()
n <- max(cells$row) + 1
inside <- matrix(FALSE, n, n)
inside[cbind(n - cells$row, cells$col + 1)] <- cells$searched == 1
window <- owin(c(0, n * side), c(0, n * side), mask = inside)
of <- rep(which(cells$count > 0), cells$count[cells$count > 0])
points <- ppp(cells$x[of] + runif(length(of), -side / 2, side / 2) * 0.98,
              cells$y[of] + runif(length(of), -side / 2, side / 2) * 0.98, window = window)
model <- kppm(points ~ 1, "Thomas", statistic = "pcf", statargs = list(correction = "translate"))
done <- used()
got <- as.list(parameters(model))
items <- got$mu / cells$detection[1]
cat(sprintf(paste0('{"compile_s": 0, "fit_s": %f, "fit_cpu_s": %f, "threads": 1, "r_hat": null, "ess_total": null, "divergent": null, "converged": true, ',
                   '"version": "spatstat.model %s", "notes": "%.2f strikes per km2, %.1f items each, scale %.0f m", ',
                   '"parameters": {"strikes_per_km2": %f, "items_per_strike": %f, "scale_m": %f}}'),
            done[1] - begun[1], done[2] - begun[2], packageVersion("spatstat.model"), got$kappa, items, got$scale * 1000,
            got$kappa, items, got$scale * 1000),
    file = paste0(given[2], ".json"))

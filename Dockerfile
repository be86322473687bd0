# One recipe for every service: docker build --build-arg SERVICE=messages .
# The image keeps the shape of the workspace, because Node runs TypeScript as it is everywhere but under
# node_modules. The target `push-simulators` is for trying the product out and is in no deployment.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS pnpm
RUN npm install --global pnpm@12.21.0
# pnpm is the one named above and need not fetch itself a second time.
ENV PNPM_INSTALL="pnpm install --prod --frozen-lockfile --config.pmOnFail=ignore"
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./

FROM pnpm AS simulators-install
COPY packages/shared/package.json packages/shared/package.json
COPY packages/testing/package.json packages/testing/package.json
COPY infra/local/package.json infra/local/package.json
RUN ${PNPM_INSTALL} --filter-prod "@parley/local..."

FROM ${NODE_IMAGE} AS push-simulators
ENV NODE_ENV=production
COPY --from=simulators-install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY packages/testing/src /app/packages/testing/src
COPY infra/local/src /app/infra/local/src
WORKDIR /app/infra/local
USER 1000:1000
CMD ["node", "src/push-simulators/main.ts"]

FROM pnpm AS install
ARG SERVICE
COPY packages/shared/package.json packages/shared/package.json
COPY services/${SERVICE}/package.json services/${SERVICE}/package.json
RUN ${PNPM_INSTALL} --filter-prod "@parley/${SERVICE}..."

FROM ${NODE_IMAGE} AS service
# What installs packages has no place beside a running service.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn*
ARG SERVICE
ENV NODE_ENV=production SERVICE=${SERVICE}
COPY infra/docker/healthcheck.mjs /app/healthcheck.mjs
COPY --from=install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY services/${SERVICE}/src /app/services/${SERVICE}/src
WORKDIR /app/services/${SERVICE}
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["node", "/app/healthcheck.mjs"]
CMD ["node", "src/main.ts"]

# The dispatcher and the block server in one image: "serve" is the default, "agent" runs a block server.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
# The ONNX runtime comes with the libraries of every platform, 290 MB; only this image's own is kept.
RUN find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 -type d \
    -not -path "*/$(node -p 'process.platform + "/" + process.arch')" -exec rm -r {} +

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY proto ./proto
COPY models ./models
COPY config/default.yaml ./config/default.yaml
# Weights fetched at run time; mount a volume here to keep them.
RUN mkdir -m 1777 cache
ENV DAISYCHAIN_CACHE_DIR=/app/cache
# Other containers must reach it. Joining servers then need a token (DAISYCHAIN_SECURITY__JOIN_TOKENS) and clients a
# key (DAISYCHAIN_SECURITY__API_KEYS), unless DAISYCHAIN_SECURITY__ALLOW_OPEN=true says that the network is closed.
ENV DAISYCHAIN_HOST=0.0.0.0
USER node
EXPOSE 8080 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.DAISYCHAIN_HTTP_PORT || 8080}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
